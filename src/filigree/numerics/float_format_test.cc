#include "filigree/numerics/float_format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <type_traits>
#include <vector>

#include "filigree/numerics/float16.h"
#include "filigree/numerics/float8.h"
#include "filigree/numerics/test_denormals.h"

namespace filigree {
namespace {

using test::DenormalsAsZero;

static_assert(sizeof(Float16) == 2 && sizeof(Float8E4M3) == 1 && sizeof(Float8E5M2) == 1);
static_assert(std::is_trivial_v<Float16> && std::is_trivial_v<Float8E4M3>);

// What the standards' tables say: the oracle knows nothing else of a format.
struct Published {
  int exponent_bits;
  int fraction_bits;
  int bias;
  double largest;
  double smallest_normal;
  double smallest_subnormal;
  unsigned largest_code;
};
template <typename T>
constexpr Published kPublished{};
template <>
constexpr Published kPublished<Float16>{5, 10, 15, 65504, 0x1p-14, 0x1p-24, 0x7BFF};
template <>
constexpr Published kPublished<Float8E4M3>{4, 3, 7, 448, 0x1p-6, 0x1p-9, 0x7E};
template <>
constexpr Published kPublished<Float8E5M2>{5, 2, 15, 57344, 0x1p-14, 0x1p-16, 0x7B};

template <typename T>
T of_bits(unsigned bits) {
  T value;
  value.bits = static_cast<typename T::Bits>(bits);
  return value;
}

// The values of the codes from 0 to the largest finite one, and the one that would come next.
template <typename T>
std::vector<double> magnitudes() {
  constexpr Published kFormat = kPublished<T>;
  std::vector<double> values;
  for (unsigned code = 0; code <= kFormat.largest_code + 1; ++code) {
    const auto exponent = static_cast<int>(code >> kFormat.fraction_bits);
    const unsigned fraction = code & ((1U << kFormat.fraction_bits) - 1);
    const unsigned one = exponent == 0 ? 0 : 1U << kFormat.fraction_bits;
    values.push_back(
        std::ldexp(one + fraction, std::max(exponent, 1) - kFormat.bias - kFormat.fraction_bits));
  }
  return values;
}

// The nearest code by search among all values.
template <typename T>
unsigned nearest(const std::vector<double>& values, float number, Overflow overflow) {
  constexpr Published kFormat = kPublished<T>;
  const unsigned sign = std::signbit(number) ? 1U << (kFormat.exponent_bits + kFormat.fraction_bits) : 0;
  const double size = std::abs(double{number});
  const auto above = std::lower_bound(values.begin(), values.end(), size);
  auto code = static_cast<unsigned>(above - values.begin());
  if (above == values.end()) {
    code = kFormat.largest_code + 1;
  } else if (code > 0) {
    const double up = *above - size;
    const double down = size - values[code - 1];
    if (down < up || (down == up && code % 2 == 1)) --code;
  }
  if (code > kFormat.largest_code) code = kFormat.largest_code + (overflow == Overflow::kSaturate ? 0 : 1);
  return sign | code;
}

template <typename T>
class SmallFloats : public testing::Test {};
using Formats = testing::Types<Float16, Float8E4M3, Float8E5M2>;
TYPED_TEST_SUITE(SmallFloats, Formats);

TYPED_TEST(SmallFloats, HaveThePublishedRange) {
  constexpr Published kFormat = kPublished<TypeParam>;
  const auto value = [](unsigned code) { return double{static_cast<float>(of_bits<TypeParam>(code))}; };
  EXPECT_EQ(value(kFormat.largest_code), kFormat.largest);
  EXPECT_EQ(value(1U << kFormat.fraction_bits), kFormat.smallest_normal);
  EXPECT_EQ(value(1), kFormat.smallest_subnormal);
}

template <typename T>
void check_every_code() {
  const std::vector<double> values = magnitudes<T>();
  const unsigned negative = 1U << (sizeof(T) * 8 - 1);
  const unsigned quiet = 1U << (kPublished<T>.fraction_bits - 1);
  for (unsigned code = 0; code < negative; ++code) {
    for (const unsigned sign : {0U, negative}) {
      const auto number = static_cast<float>(of_bits<T>(code | sign));
      ASSERT_EQ(std::signbit(number), sign != 0) << code;
      if (code <= kPublished<T>.largest_code) {
        ASSERT_EQ(std::abs(double{number}), values[code]) << code;
      } else if (std::is_same_v<T, Float8E4M3> || code > kPublished<T>.largest_code + 1) {
        ASSERT_TRUE(std::isnan(number)) << code;
      } else {
        ASSERT_TRUE(std::isinf(number)) << code;
      }
      // Signalling NaN becomes quiet.
      const unsigned back = T(number, Overflow::kNonFinite).bits;
      ASSERT_EQ(back, (std::isnan(number) ? code | quiet : code) | sign) << code;
    }
  }
}
TYPED_TEST(SmallFloats, EachCodeComesBack) {
  check_every_code<TypeParam>();
  const DenormalsAsZero mode;
  check_every_code<TypeParam>();
}

// Between neighbours: the nearer one, at the middle the even one.
template <typename T>
void check_middles() {
  const std::vector<double> values = magnitudes<T>();
  const unsigned last = kPublished<T>.largest_code;
  for (unsigned low = 0; low <= last; ++low) {
    const auto middle = static_cast<float>((values[low] + values[low + 1]) / 2);
    for (const Overflow overflow : {Overflow::kNonFinite, Overflow::kSaturate}) {
      const unsigned high = low == last && overflow == Overflow::kSaturate ? low : low + 1;
      const unsigned even = low % 2 == 0 ? low : high;
      ASSERT_EQ(T(middle, overflow).bits, even) << low;
      ASSERT_EQ(T(std::nextafter(middle, 0.0F), overflow).bits, low) << low;
      ASSERT_EQ(T(std::nextafter(middle, INFINITY), overflow).bits, high) << low;
      ASSERT_EQ(T(-middle, overflow).bits, even | 1U << (sizeof(T) * 8 - 1)) << low;
    }
  }
}
TYPED_TEST(SmallFloats, RoundToNearestEven) {
  check_middles<TypeParam>();
  const DenormalsAsZero mode;
  check_middles<TypeParam>();
}

// FP32's bit patterns, each of them in long runs.
template <typename Check>
void for_floats(const Check& check) {
  const std::uint64_t step = std::getenv("FILIGREE_TEST_LONG") != nullptr ? 1 : 4099;
  for (std::uint64_t bits = 0; bits <= std::numeric_limits<std::uint32_t>::max(); bits += step) {
    const auto number = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    if (!std::isnan(number)) check(number);
  }
}

TYPED_TEST(SmallFloats, AreTheNearestOfAllValues) {
  const std::vector<double> values = magnitudes<TypeParam>();
  for_floats([&](float number) {
    for (const Overflow overflow : {Overflow::kNonFinite, Overflow::kSaturate}) {
      ASSERT_EQ(TypeParam(number, overflow).bits, nearest<TypeParam>(values, number, overflow)) << number;
    }
  });
}

TYPED_TEST(SmallFloats, KeepNan) {
  for (const std::uint32_t bits : {0x7F800001U, 0x7F80FFFFU, 0x7FFFFFFFU, 0xFF800001U, 0xFFFFFFFFU}) {
    for (const Overflow overflow : {Overflow::kNonFinite, Overflow::kSaturate}) {
      const TypeParam value(std::bit_cast<float>(bits), overflow);
      EXPECT_TRUE(std::isnan(static_cast<float>(value))) << bits;
      EXPECT_EQ(value.bits >> (sizeof(TypeParam) * 8 - 1), bits >> 31) << bits;
    }
  }
}

TEST(SmallFloat, OverflowsAsItsConstructorSays) {
  EXPECT_EQ(Float16(65519.9F).bits, 0x7BFF);
  EXPECT_EQ(Float16(65520.0F).bits, 0x7C00);
  EXPECT_EQ(Float16(-INFINITY).bits, 0xFC00);
  EXPECT_EQ(Float8E4M3(464.0F, Overflow::kNonFinite).bits, 0x7E);
  EXPECT_EQ(Float8E4M3(464.1F, Overflow::kNonFinite).bits, 0x7F);
  EXPECT_EQ(Float8E4M3(464.1F).bits, 0x7E);
  EXPECT_EQ(Float8E4M3(-INFINITY).bits, 0xFE);
  EXPECT_EQ(Float8E5M2(INFINITY).bits, 0x7B);
  EXPECT_EQ(Float8E5M2(61440.0F, Overflow::kNonFinite).bits, 0x7C);
}

// By way of BF16 or FP16 some would be rounded twice.
TEST(SmallFloat, RoundsOnce) {
  const float above = 1.0625F + 0x1p-20F;  // beyond the middle of 1 and 1.125
  EXPECT_EQ(static_cast<float>(Float8E4M3(above)), 1.125F);
  EXPECT_EQ(static_cast<float>(Float8E4M3(static_cast<float>(Float16(above)))), 1.0F);
}

#ifdef __FLT16_MANT_DIG__
// The compiler's own, NaN included.
TEST(Float16, AgreesWithTheCompiler) {
  const std::uint64_t step = std::getenv("FILIGREE_TEST_LONG") != nullptr ? 1 : 1021;
  for (std::uint64_t bits = 0; bits <= std::numeric_limits<std::uint32_t>::max(); bits += step) {
    const auto number = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    ASSERT_EQ(Float16(number).bits, std::bit_cast<std::uint16_t>(static_cast<_Float16>(number))) << bits;
  }
  for (unsigned code = 0; code <= 0xFFFF; ++code) {
    const auto number = static_cast<float>(std::bit_cast<_Float16>(static_cast<std::uint16_t>(code)));
    ASSERT_EQ(std::bit_cast<std::uint32_t>(static_cast<float>(of_bits<Float16>(code))),
              std::bit_cast<std::uint32_t>(number))
        << code;
  }
}
#endif

}  // namespace
}  // namespace filigree
