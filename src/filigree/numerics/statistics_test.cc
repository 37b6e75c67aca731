#include "filigree/numerics/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/parallel.h"
#include "filigree/base/philox.h"
#include "filigree/numerics/cast.h"
#include "filigree/numerics/test_denormals.h"
#include "filigree/numerics/test_format_oracle.h"

namespace filigree {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Statistics of(const std::vector<float>& values, std::span<const NamedFormat> formats = {}) {
  return statistics(values.data(), static_cast<std::int64_t>(values.size()), formats);
}

std::vector<float> normal_floats(std::size_t count, double mean, double deviation) {
  Philox random(3, Purpose::kTest);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(mean + deviation * random.normal());
  return values;
}

// All exponents and signs, NaN and infinities among them; and around the middles of each format.
std::vector<float> floats_of_all_sizes() {
  std::vector<float> values;
  for (std::uint64_t bits = 0; bits <= 0xFFFFFFFFU; bits += 65537) {
    values.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  }
  for (const NamedFormat& row : float_formats()) {
    const test::FormatOracle oracle(row.name);
    const auto& numbers = oracle.values();
    for (std::size_t low = 0; low + 1 < numbers.size(); low += numbers.size() > 300 ? 499 : 1) {
      for (const double share : {0.0, 0.5, 0.75}) {
        const auto value = static_cast<float>(numbers[low] + share * (numbers[low + 1] - numbers[low]));
        values.insert(values.end(), {value, -std::nextafter(value, 0.0F), std::nextafter(value, kInfinity)});
      }
    }
    const auto beyond =
        static_cast<float>(numbers.back() + (numbers.back() - numbers[numbers.size() - 2]) / 2);
    values.insert(values.end(), {beyond, -beyond, std::nextafter(beyond, 0.0F)});
  }
  values.insert(values.end(), {0.0F, -0.0F, kInfinity, -kInfinity, std::nanf("")});
  return values;
}

TEST(Statistics, AreThoseOfAShortList) {
  const auto result = of({1.0F, -2.0F, 0.0F, 4.0F, std::nanf(""), -kInfinity, kInfinity, -0.0F});
  EXPECT_EQ(result.count, 8);
  EXPECT_EQ(result.nans, 1);
  EXPECT_EQ(result.infinities, 2);
  EXPECT_EQ(result.finite(), 5);
  EXPECT_EQ(result.zeros, 2);
  EXPECT_DOUBLE_EQ(result.mean, 0.6);
  EXPECT_DOUBLE_EQ(result.standard_deviation(), std::sqrt(21.0 / 5 - 0.36));
  EXPECT_DOUBLE_EQ(result.root_mean_square(), std::sqrt(21.0 / 5));
  EXPECT_EQ(result.smallest, 1);
  EXPECT_EQ(result.largest, 4);
  EXPECT_EQ(result.exponents[149], 1);
  EXPECT_EQ(result.exponents[150], 1);
  EXPECT_EQ(result.exponents[151], 1);
  EXPECT_DOUBLE_EQ(result.share(result.zeros), 0.4);
}

void expect_zeros(const Statistics& result) {
  EXPECT_EQ(result.finite(), 0);
  for (const double value : {result.mean, result.standard_deviation(), result.root_mean_square(),
                             result.smallest, result.largest, result.share(0)}) {
    EXPECT_EQ(value, 0);
  }
}
TEST(Statistics, OfNothingFiniteAreZero) {
  expect_zeros(of({}));
  expect_zeros(of({std::nanf(""), kInfinity, -kInfinity}));
  const auto result = of({0.0F, -0.0F});
  EXPECT_EQ(result.smallest, 0);
  EXPECT_EQ(result.zeros, 2);
}

TEST(Statistics, LoseNoDigitsFarFromZero) {
  const auto values = normal_floats(500000, 1e6, 1);
  long double sum = 0;
  for (const float value : values) sum += static_cast<long double>(value);
  const long double mean = sum / static_cast<long double>(values.size());
  long double squares = 0;
  for (const float value : values)
    squares += (static_cast<long double>(value) - mean) * (static_cast<long double>(value) - mean);
  const auto result = of(values);
  EXPECT_NEAR(result.mean, static_cast<double>(mean), 1e-9);
  EXPECT_NEAR(result.squared_deviations, static_cast<double>(squares), 1e-9 * static_cast<double>(squares));
  EXPECT_NEAR(result.standard_deviation(), 1, 0.01);
  EXPECT_NEAR(result.root_mean_square(), 1e6, 1);
}

TEST(Statistics, HoldAtBothEndsOfTheRange) {
  const float largest = std::numeric_limits<float>::max();
  const auto huge = of({largest, -largest, largest, -largest});
  EXPECT_EQ(huge.mean, 0);
  EXPECT_NEAR(huge.standard_deviation() / double{largest}, 1, 1e-12);
  const test::DenormalsAsZero mode;
  const auto tiny = of({std::bit_cast<float>(1U), std::bit_cast<float>(0x80000003U)});
  EXPECT_EQ(tiny.zeros, 0);
  EXPECT_EQ(tiny.mean, -0x1p-149);
  EXPECT_EQ(tiny.standard_deviation(), 0x1p-148);
  EXPECT_EQ(tiny.smallest, 0x1p-149);
  EXPECT_EQ(tiny.largest, 0x1.8p-148);
}

TEST(Statistics, CountEachExponent) {
  std::vector<float> values{0.0F, kInfinity, std::nanf("")};
  for (int exponent = -149; exponent <= 127; ++exponent) {
    for (int times = 0; times <= (exponent + 149) % 5; ++times) {
      values.push_back(static_cast<float>(std::ldexp(times % 2 == 0 ? 1.0 : -1.9, exponent)));
    }
  }
  std::vector<std::int64_t> expected(Statistics::kExponents);
  for (const float value : values) {
    const auto bin = static_cast<std::size_t>(std::ilogb(value)) + 149;
    if (std::isfinite(value) && value != 0) ++expected[bin];
  }
  const test::DenormalsAsZero mode;
  const auto result = of(values);
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(result.exponents[i], expected[i]) << i;
}

// Every value cast, by search among the format's values.
FormatCounts counted_one_by_one(const std::vector<float>& values, const NamedFormat& row) {
  const test::FormatOracle oracle(row.name);
  const double step = oracle.values().back() - oracle.values()[oracle.values().size() - 2];
  FormatCounts counts{.format = row};
  for (const float value : values) {
    if (!std::isfinite(value) || value == 0) continue;
    const CastMode saturating{.rounding = row.mode.rounding, .overflow = Overflow::kSaturate};
    const unsigned code = oracle.magnitude_code(value, saturating);
    counts.underflows += code == 0 ? 1 : 0;
    counts.subnormals += code > 0 && code < (1U << row.format.fraction_bits) ? 1 : 0;
    // The code that would come next is even where the largest one is odd, which takes the middle.
    const double size = std::abs(double{value});
    const double middle = oracle.values().back() - step / 2;
    const bool up = size > middle || (size == middle && oracle.format().largest_code % 2 == 1);
    const bool nearest = row.mode.rounding == Rounding::kNearestEven;
    counts.overflows += (nearest ? up : size >= oracle.values().back()) ? 1 : 0;
  }
  return counts;
}

std::vector<NamedFormat> formats_and_roundings() {
  std::vector<NamedFormat> rows = float_formats();
  for (const NamedFormat& row : float_formats()) {
    rows.push_back(row);
    rows.back().mode.rounding = Rounding::kTowardZero;
  }
  return rows;
}

TEST(Statistics, CountAsIfEachValueHadBeenCast) {
  const auto values = floats_of_all_sizes();
  const auto rows = formats_and_roundings();
  std::vector<FormatCounts> expected;
  expected.reserve(rows.size());
  for (const NamedFormat& row : rows) expected.push_back(counted_one_by_one(values, row));
  const test::DenormalsAsZero mode;
  const auto result = of(values, rows);
  ASSERT_EQ(result.formats.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(result.formats[i].format.name, rows[i].name);
    EXPECT_EQ(result.formats[i].underflows, expected[i].underflows) << rows[i].name << ' ' << i;
    EXPECT_EQ(result.formats[i].subnormals, expected[i].subnormals) << rows[i].name << ' ' << i;
    EXPECT_EQ(result.formats[i].overflows, expected[i].overflows) << rows[i].name << ' ' << i;
  }
}

// The shares of N(0, 1) that are flushed to zero.
TEST(Statistics, GiveThePublishedShares) {
  const auto result = of(normal_floats(1 << 18, 0, 1), float_formats());
  const auto underflow = [&](std::string_view name) {
    for (const FormatCounts& counts : result.formats) {
      if (counts.format.name == name) return result.share(counts.underflows);
    }
    return -1.0;
  };
  EXPECT_NEAR(underflow("float8-e4m3"), 0.0008, 0.0002);
  EXPECT_NEAR(underflow("float8-e4m3-fnuz"), 0.0004, 0.0002);
  EXPECT_LT(underflow("float8-e5m2"), 1e-4);
}

TEST(Statistics, AreThoseOfTheValuesOfNarrowTypes) {
  const auto values = floats_of_all_sizes();
  const auto count = static_cast<std::int64_t>(values.size());
  for (int index = 0; index < static_cast<int>(float_formats().size()); ++index) {
    visit_format(index, [&](auto type) {
      std::vector<decltype(type)> codes(values.size());
      cast(values.data(), count, codes.data());
      std::vector<float> back(values.size());
      cast(codes.data(), count, back.data());
      const auto expected = of(back, float_formats());
      const auto result = statistics(codes.data(), count, float_formats());
      EXPECT_EQ(result.mean, expected.mean);
      EXPECT_EQ(result.squared_deviations, expected.squared_deviations);
      EXPECT_EQ(result.nans, expected.nans);
      EXPECT_EQ(result.exponents, expected.exponents);
    });
  }
}

void expect_same_counts(const Statistics& a, const Statistics& b) {
  EXPECT_EQ(a.count, b.count);
  EXPECT_EQ(a.nans, b.nans);
  EXPECT_EQ(a.infinities, b.infinities);
  EXPECT_EQ(a.zeros, b.zeros);
  EXPECT_EQ(a.smallest, b.smallest);
  EXPECT_EQ(a.largest, b.largest);
  EXPECT_EQ(a.exponents, b.exponents);
  for (std::size_t i = 0; i < a.formats.size(); ++i) {
    EXPECT_EQ(a.formats[i].underflows, b.formats[i].underflows);
    EXPECT_EQ(a.formats[i].subnormals, b.formats[i].subnormals);
    EXPECT_EQ(a.formats[i].overflows, b.formats[i].overflows);
  }
}

TEST(Statistics, OfPartsMakeThoseOfTheWhole) {
  auto values = normal_floats(70001, 100, 2);
  values[17] = kInfinity;
  values[60000] = std::nanf("");
  values[5] = 0;
  const auto whole = of(values, float_formats());
  Statistics merged = of({}, float_formats());
  for (const auto& [begin, end] : {std::pair{0, 0}, {0, 1}, {1, 40000}, {40000, 70001}}) {
    merged.merge(of({values.begin() + begin, values.begin() + end}, float_formats()));
  }
  expect_same_counts(merged, whole);
  EXPECT_NEAR(merged.mean, whole.mean, 1e-10);
  EXPECT_NEAR(merged.squared_deviations / whole.squared_deviations, 1, 1e-12);
  EXPECT_THROW(merged.merge(of(values)), Error);
}

TEST(Statistics, HaveTheSameBitsForAnyThreadCount) {
  const int before = thread_count();
  const auto values = normal_floats(700001, 3, 5);
  set_thread_count(1);
  const auto one = of(values, float_formats());
  for (const int threads : {2, 3, 5}) {
    set_thread_count(threads);
    const auto result = of(values, float_formats());
    EXPECT_EQ(result.mean, one.mean);
    EXPECT_EQ(result.squared_deviations, one.squared_deviations);
    expect_same_counts(result, one);
  }
  set_thread_count(before);
}

TEST(Statistics, RefuseStochasticRounding) {
  NamedFormat row = float_format("float8-e5m2");
  row.mode.rounding = Rounding::kStochastic;
  EXPECT_THROW(of({1.0F}, std::span(&row, 1)), Error);
}

}  // namespace
}  // namespace filigree
