#include "filigree/run/axis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace filigree::run {
namespace {

std::vector<std::string> labels(const Axis& axis) {
  std::vector<std::string> labels;
  for (const Tick& tick : axis.ticks) labels.push_back(tick.label);
  return labels;
}

using Labels = std::vector<std::string>;

TEST(Axis, LabelsAreNice) {
  EXPECT_EQ(labels(linear_axis(0, 10, 5, false)), (Labels{"0", "2", "4", "6", "8", "10"}));
  EXPECT_EQ(labels(linear_axis(4.3, 9.1, 6, true)), (Labels{"4", "5", "6", "7", "8", "9", "10"}));
  EXPECT_EQ(labels(linear_axis(0, 1, 4, false)), (Labels{"0", "0.5", "1.0"}));
  EXPECT_EQ(labels(linear_axis(-1, 1, 4, false)), (Labels{"\u22121.0", "\u22120.5", "0", "0.5", "1.0"}));
  EXPECT_EQ(labels(linear_axis(0, 5000, 5, false)),
            (Labels{"0", "1,000", "2,000", "3,000", "4,000", "5,000"}));
  EXPECT_EQ(labels(linear_axis(0, 20000, 8, false)), (Labels{"0", "5k", "10k", "15k", "20k"}));
  EXPECT_EQ(labels(linear_axis(0, 10000, 4, false)), (Labels{"0", "5k", "10k"}));
  EXPECT_EQ(labels(linear_axis(0, 2.5e6, 5, false)), (Labels{"0", "0.5M", "1.0M", "1.5M", "2.0M", "2.5M"}));
  EXPECT_EQ(labels(linear_axis(1e6, 1.002e6, 2, false)), (Labels{"1.000M", "1.001M", "1.002M"}));
  EXPECT_EQ(labels(linear_axis(0, 2e-4, 2, false)), (Labels{"0", "1e-4", "2e-4"}));
  EXPECT_EQ(labels(linear_axis(0, 1e25, 2, false)), (Labels{"0", "5e24", "1.0e25"}));
}

TEST(Axis, EqualEndsAreMovedApart) {
  for (const double value : {0.0, 5.0, -3.0, 1e20, 1e-20}) {
    const Axis axis = linear_axis(value, value, 5, true);
    EXPECT_LT(axis.lo, value);
    EXPECT_GT(axis.hi, value);
    EXPECT_GE(axis.ticks.size(), 2u);
  }
  EXPECT_LT(log_axis(7, 7).lo, log_axis(7, 7).hi);
}

// Whatever the range: a few ticks, within it, evenly apart, all labels different.
TEST(Axis, RandomRanges) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> exponent(-12, 24);
  std::uniform_real_distribution<double> share(-1, 1);
  for (int round = 0; round < 5000; ++round) {
    const double size = std::pow(10, exponent(random));
    double lo = share(random) * size;
    double hi = lo + std::abs(share(random)) * size;
    if (lo > hi) std::swap(lo, hi);
    for (const bool widen : {false, true}) {
      const Axis axis = linear_axis(lo, hi, 6, widen);
      ASSERT_GE(axis.ticks.size(), 2u) << lo << " " << hi;
      ASSERT_LE(axis.ticks.size(), 9u);
      EXPECT_LE(axis.lo, lo);
      EXPECT_GE(axis.hi, hi);
      for (std::size_t i = 0; i < axis.ticks.size(); ++i) {
        EXPECT_GE(axis.position(axis.ticks[i].value), -1e-6);
        EXPECT_LE(axis.position(axis.ticks[i].value), 1 + 1e-6);
        if (i > 0) {
          EXPECT_NE(axis.ticks[i].label, axis.ticks[i - 1].label) << lo << " " << hi;
        }
      }
    }
  }
}

TEST(Axis, Logarithmic) {
  EXPECT_EQ(labels(log_axis(1, 1e6)), (Labels{"1", "10", "100", "1,000", "10k", "100k", "1M"}));
  EXPECT_EQ(labels(log_axis(3, 150)), (Labels{"5", "10", "20", "50", "100"}));
  EXPECT_EQ(labels(log_axis(0.01, 1)), (Labels{"0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1"}));
  EXPECT_EQ(labels(log_axis(2, 8)), (Labels{"2", "4", "6", "8"}));
  EXPECT_LE(log_axis(1e-300, 1e300).ticks.size(), 10u);
  const Axis axis = log_axis(1, 10000);
  EXPECT_DOUBLE_EQ(axis.position(1), 0);
  EXPECT_DOUBLE_EQ(axis.position(100), 0.5);
  EXPECT_DOUBLE_EQ(axis.position(10000), 1);
}

TEST(FormatSi, PrefixesAndDigits) {
  EXPECT_EQ(format_si(2.617e9, 3), "2.62 G");
  EXPECT_EQ(format_si(40000, 3), "40.0 k");
  EXPECT_EQ(format_si(5.31, 3), "5.31");
  EXPECT_EQ(format_si(0.0012, 3), "1.20 m");
  EXPECT_EQ(format_si(999.96, 4), "1.000 k");
  EXPECT_EQ(format_si(-123456, 2), "\u2212123 k");
  EXPECT_EQ(format_si(0, 3), "0");
  EXPECT_EQ(format_si(1e21, 3), "1000 E");
  EXPECT_EQ(format_si(NAN, 3), "nan");
}

}  // namespace
}  // namespace filigree::run
