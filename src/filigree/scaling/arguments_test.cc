#include "filigree/scaling/arguments.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "filigree/base/error.h"

namespace filigree::scaling {
namespace {

TEST(Arguments, WithinBoundsPass) {
  EXPECT_EQ(checked_size(1, "rows"), 1);
  EXPECT_EQ(checked_between(2, 2, 4, "a multiplier"), 2);
  EXPECT_EQ(checked_between(4, 2, 4, "a multiplier"), 4);
  EXPECT_EQ(checked_probability(0, "dropout"), 0);
}

TEST(Arguments, OutsideAreUsageErrorsThatNameTheArgument) {
  for (const std::int64_t bad : {0, -3}) EXPECT_THROW(checked_size(bad, "rows"), Error) << bad;
  for (const double bad : {1.9, 4.1, -HUGE_VAL, HUGE_VAL, std::nan("")}) {
    EXPECT_THROW(checked_between(bad, 2, 4, "a multiplier"), Error) << bad;
  }
  for (const double bad : {-0.1, 1.0, HUGE_VAL, std::nan("")}) {
    EXPECT_THROW(checked_probability(bad, "dropout"), Error) << bad;
  }
  try {
    checked_size(0, "fan-in");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kUsage);
    EXPECT_EQ(std::string(error.what()), "fan-in of a scaled op must be above 0, not 0");
  }
}

}  // namespace
}  // namespace filigree::scaling
