#include "filigree/base/progress.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>

#include "filigree/base/log.h"
#include "filigree/base/test_support.h"

namespace filigree {
namespace {

using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

TEST(FormatDuration, UsesTwoUnitsAtMost) {
  EXPECT_EQ(format_duration(0), "0 s");
  EXPECT_EQ(format_duration(45.4), "45 s");
  EXPECT_EQ(format_duration(59.4), "59 s");
  EXPECT_EQ(format_duration(59.6), "1 min 0 s");
  EXPECT_EQ(format_duration(200), "3 min 20 s");
  EXPECT_EQ(format_duration(3599.4), "59 min 59 s");
  EXPECT_EQ(format_duration(3600), "1 h 0 min");
  EXPECT_EQ(format_duration(7500), "2 h 5 min");
  EXPECT_EQ(format_duration(360'000), "100 h 0 min");
}

TEST(Progress, WithoutATerminalWritesFewPlainLines) {
  CaptureStderr();
  {
    Progress progress("train", 1000, "steps");
    for (std::uint64_t step = 0; step <= 1000; ++step) progress.update(step, "loss 5.31");
  }
  const std::string text = GetCapturedStderr();
  // Quick work gets one line, the last.
  EXPECT_EQ(text.find("train 1000/1000 steps (100 %), "), 0U) << text;
  EXPECT_NE(text.find(" steps/s, loss 5.31\n"), std::string::npos) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  EXPECT_EQ(text.find_first_of("\r\033"), std::string::npos) << text;
}

TEST(Progress, OfUnknownTotalSaysNothingOfQuickWork) {
  CaptureStderr();
  Progress progress("read", 0, "MB");
  for (std::uint64_t done = 0; done < 100; ++done) progress.update(done);
  progress.finish();
  EXPECT_EQ(GetCapturedStderr(), "");
}

// What `body` writes to a terminal.
std::string on_terminal(const std::function<void()>& body) {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  EXPECT_GE(master, 0);
  EXPECT_EQ(::grantpt(master), 0);
  EXPECT_EQ(::unlockpt(master), 0);
  const int slave = ::open(::ptsname(master), O_RDWR | O_NOCTTY);
  EXPECT_GE(slave, 0);
  test::ChildProcess child([&] {
    ::dup2(slave, STDERR_FILENO);
    body();
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
  ::close(slave);
  std::string text;
  char buffer[4096];
  for (ssize_t count = 0; (count = ::read(master, buffer, sizeof(buffer))) > 0;) {
    text.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(master);
  return text;
}

// The bar is drawn over itself, and its line is ended once.
TEST(Progress, OnATerminalDrawsABar) {
  const std::string text = on_terminal([] {
    Progress progress("train", 4, "steps");
    progress.update(2);
    ::usleep(250'000);
    progress.update(3, "loss 1");
    progress.update(4);
  });
  EXPECT_NE(text.find("\r\033[Ktrain 3/4 steps (75 %), "), std::string::npos) << text;
  EXPECT_NE(text.find("/s, 0 s left, loss 1"), std::string::npos) << text;
  EXPECT_NE(text.find("\r\033[Ktrain 4/4 steps (100 %)"), std::string::npos) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
}

TEST(Progress, AMessageGetsALineOfItsOwn) {
  const std::string text = on_terminal([] {
    Progress progress("train", 4, "steps");
    progress.update(2);
    ::usleep(250'000);
    progress.update(3);
    log_warning("slow");
  });
  EXPECT_NE(text.find("\nwarning: slow\r\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace filigree
