#include "filigree/base/descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>

#include "filigree/base/error.h"
#include "filigree/base/file.h"
#include "filigree/base/test_support.h"

namespace filigree {
namespace {

using test::TemporaryFolder;

bool is_open(int descriptor) { return ::fcntl(descriptor, F_GETFD) >= 0; }

TEST(Descriptor, IsClosedOnceByItsLastOwner) {
  int value = -1;
  {
    Descriptor first = Descriptor::open("/dev/null", O_WRONLY);
    ASSERT_TRUE(first.is_open());
    value = first.get();
    Descriptor second = std::move(first);
    EXPECT_EQ(second.get(), value);
    Descriptor third = Descriptor::open("/dev/null", O_WRONLY);
    third = std::move(second);
    EXPECT_EQ(third.get(), value);
    EXPECT_TRUE(is_open(value));
  }
  EXPECT_FALSE(is_open(value));
}

TEST(Descriptor, IsNotInheritedByPrograms) {
  const Descriptor file = Descriptor::open("/dev/null", O_WRONLY);
  EXPECT_EQ(::fcntl(file.get(), F_GETFD), FD_CLOEXEC);
}

TEST(Descriptor, AFailureLeavesErrno) {
  const Descriptor file = Descriptor::open("/nowhere/x", O_RDONLY);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_FALSE(file.is_open());
}

// A pipe that does not wait takes what fits: the rest needs further calls.
TEST(WriteAll, GoesOnAfterAPartOfTheBytes) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  ASSERT_EQ(::fcntl(writing.get(), F_SETPIPE_SZ, 4096), 4096);
  std::string sent(100'000, '\0');
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 7 % 251);
  std::string received;
  std::thread reader([&] {
    char buffer[1000];
    for (ssize_t count; (count = ::read(reading.get(), buffer, sizeof buffer)) > 0;)
      received.append(buffer, static_cast<std::size_t>(count));
  });
  EXPECT_EQ(write_all(writing, sent), 0);
  writing.close();
  reader.join();
  EXPECT_EQ(received, sent);
}

TEST(WriteAll, WritesAtAnOffset) {
  const TemporaryFolder folder;
  const Descriptor file = Descriptor::open(folder.write("x", "0123456789"), O_WRONLY);
  EXPECT_EQ(write_all_at(file, "ab", 4), 0);
  EXPECT_EQ(write_all(file, "c"), 0);
  EXPECT_EQ(read_file(folder / "x"), "c123ab6789");
}

TEST(WriteAll, GivesTheErrorOfAFullDisk) {
  const Descriptor file = Descriptor::open("/dev/full", O_WRONLY);
  EXPECT_EQ(write_all(file, "x"), ENOSPC);
  EXPECT_EQ(write_all_at(file, "x", 1), ENOSPC);
  EXPECT_EQ(write_errno_text(ENOSPC),
            "No space left on device; free some space and run the same command again");
  EXPECT_EQ(write_errno_text(EIO), "Input/output error");
}

}  // namespace
}  // namespace filigree
