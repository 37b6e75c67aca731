#include "filigree/numerics/bfloat16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace filigree {
namespace {

static_assert(sizeof(BFloat16) == 2);
static_assert(std::is_trivial_v<BFloat16>);

float value_of(std::uint16_t bits) {
  BFloat16 value;
  value.bits = bits;
  return static_cast<float>(value);
}

TEST(BFloat16, EachValueComesBack) {
  for (std::uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const float value = value_of(static_cast<std::uint16_t>(bits));
    const std::uint16_t back = BFloat16(value).bits;
    // Signalling NaN becomes quiet.
    EXPECT_EQ(back, std::isnan(value) ? bits | 0x40U : bits) << bits;
  }
}

// Between neighbours: the nearer one, at the middle the even one. The middles of finite neighbours, and the
// floats beside each.
TEST(BFloat16, RoundsToNearestEven) {
  for (std::uint32_t bits = 0; bits < 0x7F80; ++bits) {
    const auto low = static_cast<std::uint16_t>(bits);
    const auto high = static_cast<std::uint16_t>(bits + 1);
    const std::uint16_t even = bits % 2 == 0 ? low : high;
    const double from = value_of(low);
    // Behind the largest finite value, the next would be 2^128.
    const double to = high == 0x7F80 ? std::ldexp(1.0, 128) : double{value_of(high)};
    const auto middle = static_cast<float>((from + to) / 2);
    for (const float sign : {1.0F, -1.0F}) {
      const std::uint16_t top = sign < 0 ? 0x8000 : 0;
      EXPECT_EQ(BFloat16(sign * middle).bits, even | top) << bits;
      EXPECT_EQ(BFloat16(sign * std::nextafter(middle, 0.0F)).bits, low | top) << bits;
      EXPECT_EQ(BFloat16(sign * std::nextafter(middle, INFINITY)).bits, high | top) << bits;
    }
  }
}

TEST(BFloat16, NanStaysNan) {
  for (const std::uint32_t bits : {0x7F800001U, 0x7F80FFFFU, 0x7FFFFFFFU, 0xFF800001U, 0xFFFFFFFFU}) {
    const auto value = std::bit_cast<float>(bits);
    EXPECT_TRUE(std::isnan(static_cast<float>(BFloat16(value)))) << bits;
    EXPECT_EQ(BFloat16(value).bits >> 15, bits >> 31) << bits;
  }
}

}  // namespace
}  // namespace filigree
