#include "filigree/base/main_guard.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

#include "filigree/base/descriptor.h"
#include "filigree/base/error.h"
#include "filigree/base/file.h"
#include "filigree/base/test_support.h"

namespace filigree {
namespace {

using test::ChildProcess;
using test::TemporaryFolder;

TEST(GuardedMain, KeepsFilesFromTakingThePlaceOfAClosedStream) {
  const TemporaryFolder folder;
  ChildProcess child([&] {
    ::close(STDIN_FILENO);
    ::close(STDERR_FILENO);
    return guarded_main([&] {
      const Descriptor file = Descriptor::open(folder / "x", O_WRONLY | O_CREAT, 0600);
      return file.get() > STDERR_FILENO ? 0 : 1;
    });
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST(GuardedMain, ResultsForAClosedStreamAreAnError) {
  ChildProcess child([] {
    ::close(STDOUT_FILENO);
    return guarded_main([] {
      std::fputs("result\n", stdout);
      return 0;
    });
  });
  EXPECT_EQ(child.wait(), static_cast<int>(ExitCode::kFailed));
}

TEST(GuardedMain, AFileThatGrowsTooLargeIsAnErrorAndNoSignal) {
  const TemporaryFolder folder;
  ChildProcess child([&] {
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    return guarded_main([&] {
      write_file_atomically(folder / "x", std::string(5000, 'x'));
      return 0;
    });
  });
  EXPECT_EQ(child.wait(), static_cast<int>(ExitCode::kFailed));
  EXPECT_FALSE(std::filesystem::exists(folder / "x.partial"));
}

}  // namespace
}  // namespace filigree
