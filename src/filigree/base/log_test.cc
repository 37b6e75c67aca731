#include "filigree/base/log.h"

#include <gtest/gtest.h>

#include <string>

#include "filigree/base/error.h"
#include "filigree/base/file.h"
#include "filigree/base/test_support.h"

namespace filigree {
namespace {

using ::testing::internal::CaptureStderr;
using ::testing::internal::CaptureStdout;
using ::testing::internal::GetCapturedStderr;
using ::testing::internal::GetCapturedStdout;

TEST(Log, TalksOnStderrAndNeverOnStdout) {
  CaptureStdout();
  CaptureStderr();
  log_info("read {} lines", 3);
  log_warning("slow");
  log_error("gone");
  EXPECT_EQ(GetCapturedStderr(), "read 3 lines\nwarning: slow\nerror: gone\n");
  EXPECT_EQ(GetCapturedStdout(), "");
}

TEST(Log, CopiesMessagesWithTheirTimeToAFileWhileItLives) {
  const test::TemporaryFolder folder;
  const auto path = folder / "log.txt";
  write_file_atomically(path, "an earlier run\n");
  CaptureStderr();
  log_info("before");
  {
    const LogFile file(path);
    log_info("after");
    log_warning("slow");
  }
  log_info("behind");
  EXPECT_EQ(GetCapturedStderr(), "before\nafter\nwarning: slow\nbehind\n");
  const std::string text = read_file(path);
  // The time of day is a matter of length: "2026-11-23 09:35:00 ".
  ASSERT_EQ(text.size(), std::string("an earlier run\nafter\nwarning: slow\n").size() + 2 * 20) << text;
  EXPECT_EQ(text.find("an earlier run\n"), 0U) << text;
  EXPECT_EQ(text.substr(15 + 13, 1), ":") << text;
  EXPECT_EQ(text.substr(15 + 20, 6), "after\n") << text;
  EXPECT_EQ(text.substr(15 + 26 + 20), "warning: slow\n") << text;
}

TEST(Log, NamesALogFileThatCannotBeOpened) {
  const test::TemporaryFolder folder;
  const auto path = folder / "none" / "log.txt";
  write_file_atomically(folder / "none", "a file where a folder is needed");
  try {
    const LogFile file(path);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(path.string()), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace filigree
