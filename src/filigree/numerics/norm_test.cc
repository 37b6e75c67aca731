#include "filigree/numerics/norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "filigree/base/parallel.h"
#include "filigree/base/philox.h"

namespace filigree {
namespace {

template <typename T>
class Norm : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Norm, Types);

// Around the eight running sums and the chunks of 16384.
constexpr std::int64_t kCounts[] = {0, 1, 7, 8, 9, 100, 16383, 16384, 16385, 50001};

template <typename T>
std::vector<T> random_values(std::int64_t count) {
  Philox philox(1, Purpose::kTest);
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values) value = static_cast<T>(philox.normal());
  return values;
}

template <typename T>
double sum_of(const std::vector<T>& values) {
  return sum_of_squares(values.data(), static_cast<std::int64_t>(values.size()));
}
template <typename T>
std::int64_t find_in(const std::vector<T>& values) {
  return find_non_finite(values.data(), static_cast<std::int64_t>(values.size()));
}

TYPED_TEST(Norm, SumOfSquaresMatchesAPlainSum) {
  for (const std::int64_t count : kCounts) {
    const auto values = random_values<TypeParam>(count);
    long double expected = 0;
    for (const TypeParam value : values)
      expected += static_cast<long double>(value) * static_cast<long double>(value);
    EXPECT_NEAR(sum_of(values), static_cast<double>(expected), 1e-13 * static_cast<double>(expected))
        << count;
    EXPECT_EQ(find_in(values), -1);
  }
}

TYPED_TEST(Norm, OneBadValueAnywhereShows) {
  const auto infinity = std::numeric_limits<TypeParam>::infinity();
  for (const std::int64_t count : kCounts) {
    for (const std::int64_t place : {std::int64_t{0}, count / 2, count - 1}) {
      if (place < 0 || place >= count) continue;
      for (const TypeParam bad : {std::numeric_limits<TypeParam>::quiet_NaN(), infinity, -infinity}) {
        auto values = random_values<TypeParam>(count);
        values[static_cast<std::size_t>(place)] = bad;
        EXPECT_FALSE(std::isfinite(sum_of(values))) << bad << " at " << place << " of " << count;
        EXPECT_EQ(find_in(values), place);
      }
    }
  }
}

TYPED_TEST(Norm, TheFirstBadValueIsNamed) {
  auto values = random_values<TypeParam>(40000);
  values[39999] = values[20000] = std::numeric_limits<TypeParam>::infinity();
  values[20001] = std::numeric_limits<TypeParam>::quiet_NaN();
  EXPECT_EQ(find_in(values), 20000);
}

TEST(Norm, TheLargestFloatsDoNotOverflow) {
  const float largest = std::numeric_limits<float>::max();
  const std::vector<float> values(100000, -largest);
  const double expected = 1e5 * static_cast<double>(largest) * static_cast<double>(largest);
  EXPECT_NEAR(sum_of(values) / expected, 1, 1e-12);
  EXPECT_EQ(find_in(values), -1);
}

TEST(Norm, TheSmallestFloatsDoNotVanish) {
  const float smallest = std::numeric_limits<float>::denorm_min();
  const std::vector<float> values(1000, smallest);
  EXPECT_NEAR(sum_of(values) / (1e3 * static_cast<double>(smallest) * static_cast<double>(smallest)), 1,
              1e-12);
}

// A double's square may lie beyond double's range; that alone is no bad value.
TEST(Norm, HugeAndDenormalDoublesAreFinite) {
  const std::vector<double> huge(20, std::numeric_limits<double>::max());
  EXPECT_EQ(find_in(huge), -1);
  EXPECT_EQ(sum_of(huge), std::numeric_limits<double>::infinity());
  const std::vector<double> denormal(20, std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(find_in(denormal), -1);
  EXPECT_EQ(sum_of(denormal), 0);
}

TYPED_TEST(Norm, SameBitsForAnyThreadCount) {
  const int before = thread_count();
  const auto values = random_values<TypeParam>(100003);
  set_thread_count(1);
  const double one = sum_of(values);
  for (const int threads : {2, 3, 5}) {
    set_thread_count(threads);
    EXPECT_EQ(sum_of(values), one) << threads << " threads";
  }
  set_thread_count(before);
}

}  // namespace
}  // namespace filigree
