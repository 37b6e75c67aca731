#include "filigree/numerics/e8m0.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "filigree/numerics/test_denormals.h"

namespace filigree {
namespace {

static_assert(sizeof(E8M0) == 1 && std::is_trivial_v<E8M0>);
static_assert(static_cast<float>(E8M0(4.0F)) == 4 && E8M0(3.0F).exponent() == 2);

// The values of codes 0 to 254 and the one that would come next.
std::vector<double> powers() {
  std::vector<double> values;
  for (int exponent = -127; exponent <= 128; ++exponent) values.push_back(std::ldexp(1.0, exponent));
  return values;
}

// By search among all values.
unsigned nearest_code(double value) {
  static const std::vector<double> kValues = powers();
  if (!(value > 0)) return 0xFF;
  const auto above = std::lower_bound(kValues.begin(), kValues.end(), value);
  if (above == kValues.end()) return 0xFF;
  const auto code = static_cast<unsigned>(above - kValues.begin());
  if (code == 0) return 0;
  return value - kValues[code - 1] < kValues[code] - value ? code - 1 : code;
}

struct BitsAndCode {
  std::uint32_t bits;
  unsigned code;
};
// Samples of all signs and exponents, and each neighbourhood in which codes change.
std::vector<BitsAndCode> samples() {
  std::vector<std::uint32_t> all;
  for (std::uint64_t bits = 0; bits <= 0xFFFFFFFFU; bits += 65537) {
    all.push_back(static_cast<std::uint32_t>(bits));
  }
  for (std::uint32_t middle = 0; middle <= 0x7F800000U; middle += 0x00200000U) {
    for (const std::uint32_t off : {0U, 1U, 0xFFFFFFFFU}) all.push_back(middle + off);
  }
  std::vector<BitsAndCode> rows;
  rows.reserve(all.size());
  for (const std::uint32_t bits : all) {
    rows.push_back({bits, nearest_code(double{std::bit_cast<float>(bits)})});
  }
  return rows;
}
void check(const std::vector<BitsAndCode>& rows) {
  for (const BitsAndCode& row : rows) {
    ASSERT_EQ(E8M0(std::bit_cast<float>(row.bits)).bits, row.code) << std::hex << row.bits;
  }
}

TEST(E8M0, IsTheNearestOfAllPowers) {
  const auto rows = samples();
  check(rows);
  const test::DenormalsAsZero mode;
  check(rows);
}

TEST(E8M0, EachCodeComesBack) {
  const auto values = powers();
  for (int code = 0; code < 255; ++code) {
    const E8M0 scale = E8M0::power(code - 127);
    ASSERT_EQ(scale.bits, code);
    EXPECT_EQ(static_cast<double>(scale), values[static_cast<std::size_t>(code)]);
    EXPECT_EQ(double{static_cast<float>(scale)}, values[static_cast<std::size_t>(code)]);
    EXPECT_EQ(E8M0(static_cast<float>(scale)), scale);
  }
}

TEST(E8M0, HasOneNan) {
  EXPECT_TRUE(std::isnan(static_cast<float>(E8M0::nan())));
  EXPECT_TRUE(std::isnan(static_cast<double>(E8M0::nan())));
  EXPECT_FALSE(E8M0::nan() == E8M0::nan());
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float value : {0.0F, -0.0F, -1.0F, infinity, -infinity, std::nanf(""), 0x1.8p127F}) {
    EXPECT_TRUE(E8M0(value).is_nan()) << value;
  }
}

TEST(E8M0, PowersEndWithItsRange) {
  EXPECT_EQ(E8M0::power(-128).bits, 0);
  EXPECT_EQ(E8M0::power(-1000).bits, 0);
  EXPECT_EQ(E8M0::power(128).bits, 254);
  EXPECT_EQ(E8M0::power(0).bits, 127);
}

}  // namespace
}  // namespace filigree
