#include "filigree/base/error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <new>
#include <stdexcept>
#include <string>

#include "filigree/base/main_guard.h"

namespace filigree {
namespace {

using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

// What guarded_main returns and writes to stderr when its body is `body`.
template <typename F>
std::pair<int, std::string> guarded(F&& body) {
  CaptureStderr();
  const int code = guarded_main(body);
  return {code, GetCapturedStderr()};
}

using Outcome = std::pair<int, std::string>;

TEST(Error, CarriesTheExitCodeOfItsKind) {
  EXPECT_EQ(guarded([]() -> int { fail("disk {} is full", 3); }), Outcome(1, "error: disk 3 is full\n"));
  EXPECT_EQ(guarded([]() -> int { fail_usage("no flag --{}", "x"); }), Outcome(2, "error: no flag --x\n"));
  EXPECT_EQ(guarded([]() -> int { fail_data("{}:{}: bad", "f", 7); }), Outcome(3, "error: f:7: bad\n"));
  EXPECT_EQ(guarded([]() -> int { fail_missing("no MPI"); }), Outcome(4, "error: no MPI\n"));
  EXPECT_EQ(guarded([]() -> int { throw Error("stopped", ExitCode::kInterrupted); }),
            Outcome(130, "error: stopped\n"));
}

TEST(Error, OtherExceptionsFailWithTheirMessage) {
  EXPECT_EQ(guarded([]() -> int { throw std::logic_error("odd"); }), Outcome(1, "error: odd\n"));
  EXPECT_EQ(guarded([]() -> int { throw std::bad_alloc(); }),
            Outcome(1, "error: out of memory; use a smaller model, batch or sequence\n"));
}

TEST(Error, WithoutOneTheBodysCodeIsReturned) {
  EXPECT_EQ(guarded([] { return 0; }), Outcome(0, ""));
  EXPECT_EQ(guarded([] { return 42; }), Outcome(42, ""));
}

TEST(Error, BracesInArgumentsAreText) {
  EXPECT_EQ(guarded([]() -> int { fail_data("line {}", "{0}"); }).second, "error: line {0}\n");
}

TEST(Error, DescribesErrno) { EXPECT_EQ(errno_text(ENOSPC), "No space left on device"); }

}  // namespace
}  // namespace filigree
