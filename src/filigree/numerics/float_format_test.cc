#include "filigree/numerics/float_format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <type_traits>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/philox.h"
#include "filigree/numerics/formats.h"
#include "filigree/numerics/test_denormals.h"
#include "filigree/numerics/test_format_oracle.h"

namespace filigree {
namespace {

using test::DenormalsAsZero;
using test::FormatOracle;

static_assert(sizeof(Float16) == 2 && sizeof(BFloat16) == 2 && sizeof(Float8E4M3) == 1);
static_assert(sizeof(Float4E2M1) == 1);
static_assert(std::is_trivial_v<Float16> && std::is_trivial_v<Float8E4M3>);

template <typename T>
T of_bits(unsigned bits) {
  T value;
  value.bits = static_cast<typename T::Bits>(bits);
  return value;
}

template <typename T>
FormatOracle oracle() {
  return FormatOracle(float_formats()[static_cast<std::size_t>(format_index<T>())].name);
}

template <class... Rows>
testing::Types<typename Rows::Type...> types_of(const std::tuple<Rows...>&);
using AllFormats = decltype(types_of(kFloatTypes));

template <typename T>
class SmallFloats : public testing::Test {};
TYPED_TEST_SUITE(SmallFloats, AllFormats);

TYPED_TEST(SmallFloats, HaveThePublishedRange) {
  const auto format = oracle<TypeParam>().format();
  const auto value = [](unsigned code) { return double{static_cast<float>(of_bits<TypeParam>(code))}; };
  EXPECT_EQ(value(format.largest_code), format.largest);
  EXPECT_EQ(value(1U << format.fraction_bits), format.smallest_normal);
  EXPECT_EQ(value(1), format.smallest_subnormal);
  if (format.infinity >= 0) {
    EXPECT_EQ(value(static_cast<unsigned>(format.infinity)), std::numeric_limits<double>::infinity());
  }
  if (format.nan >= 0) {
    EXPECT_TRUE(std::isnan(value(static_cast<unsigned>(format.nan))));
  }
}

// What each code is worth, and what it becomes again: in bits, which modes of the processor cannot change.
struct CodeAndValue {
  unsigned code;
  std::uint32_t value;  // NaN apart
  bool is_nan;
  unsigned back;
};
template <typename T>
std::vector<CodeAndValue> every_code() {
  const FormatOracle expected = oracle<T>();
  const auto& format = expected.format();
  std::vector<CodeAndValue> rows;
  for (unsigned code = 0; code < 2 * expected.sign_bit(); ++code) {
    const unsigned magnitude = code % expected.sign_bit();
    const std::uint32_t sign = code == magnitude ? 0U : 0x80000000U;
    CodeAndValue row{.code = code, .value = sign | 0x7F800000U, .is_nan = false, .back = code};
    const bool negative_zero = magnitude == 0 && sign != 0;
    if (magnitude <= format.largest_code && (format.negative_zero || !negative_zero)) {
      row.value = sign | std::bit_cast<std::uint32_t>(static_cast<float>(expected.values()[magnitude]));
    } else if (format.infinity < 0 || magnitude != static_cast<unsigned>(format.infinity)) {
      row.is_nan = true;
      // Signalling NaN becomes quiet.
      if (format.infinity >= 0) row.back |= 1U << (format.fraction_bits - 1);
    }
    rows.push_back(row);
  }
  return rows;
}
template <typename T>
void check_every_code(const std::vector<CodeAndValue>& rows) {
  const CastMode mode{.infinity = Infinity::kNonFinite};
  for (const CodeAndValue& row : rows) {
    const std::uint32_t value = decode_float(T::kFormat, row.code);
    ASSERT_EQ((value & 0x7FFFFFFFU) > 0x7F800000U, row.is_nan) << row.code;
    if (!row.is_nan) {
      ASSERT_EQ(value, row.value) << row.code;
    }
    ASSERT_EQ(encode_float(T::kFormat, value, mode), row.back) << row.code;
  }
}
TYPED_TEST(SmallFloats, EachCodeComesBack) {
  const auto rows = every_code<TypeParam>();
  check_every_code<TypeParam>(rows);
  const DenormalsAsZero mode;
  check_every_code<TypeParam>(rows);
}

// Between neighbours: the nearer one, at the middle the even one; toward zero the lower one.
struct ValueAndCode {
  std::uint32_t value;
  CastMode mode;
  unsigned code;
};
template <typename T>
std::vector<ValueAndCode> around_middles() {
  const FormatOracle expected = oracle<T>();
  const auto& values = expected.values();
  std::vector<ValueAndCode> rows;
  for (unsigned low = 0; low <= expected.format().largest_code; ++low) {
    const auto middle = static_cast<float>((values[low] + values[low + 1]) / 2);
    for (const float number : {middle, std::nextafter(middle, 0.0F), std::nextafter(middle, HUGE_VALF),
                               static_cast<float>(values[low])}) {
      for (const CastMode& mode : test::deterministic_modes()) {
        for (const float value : {number, -number}) {
          rows.push_back({std::bit_cast<std::uint32_t>(value), mode, expected.code(value, mode)});
        }
      }
    }
  }
  return rows;
}
template <typename T>
void check_middles(const std::vector<ValueAndCode>& rows) {
  for (const ValueAndCode& row : rows) {
    ASSERT_EQ(encode_float(T::kFormat, row.value, row.mode), row.code)
        << std::hex << row.value << test::mode_name(row.mode);
  }
}
TYPED_TEST(SmallFloats, RoundAtMiddles) {
  const auto rows = around_middles<TypeParam>();
  check_middles<TypeParam>(rows);
  const DenormalsAsZero mode;
  check_middles<TypeParam>(rows);
}

TYPED_TEST(SmallFloats, AreTheNearestOfAllValues) {
  const FormatOracle expected = oracle<TypeParam>();
  for (std::uint64_t bits = 0; bits <= std::numeric_limits<std::uint32_t>::max(); bits += 65537 * 5) {
    const auto number = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    if (std::isnan(number)) continue;
    for (const CastMode& mode : test::deterministic_modes()) {
      ASSERT_EQ(TypeParam(number, mode).bits, expected.code(number, mode)) << number << test::mode_name(mode);
    }
  }
}

TYPED_TEST(SmallFloats, KeepNan) {
  const test::PublishedFormat format = oracle<TypeParam>().format();
  for (const std::uint32_t bits : {0x7F800001U, 0x7F80FFFFU, 0x7FFFFFFFU, 0xFF800001U, 0xFFFFFFFFU}) {
    for (const CastMode& mode : test::deterministic_modes()) {
      const TypeParam value(std::bit_cast<float>(bits), mode);
      if (format.nan < 0) {
        // Not silently zero: the largest.
        EXPECT_EQ(std::abs(static_cast<float>(value)), static_cast<float>(format.largest)) << bits;
        continue;
      }
      EXPECT_TRUE(std::isnan(static_cast<float>(value))) << bits;
      if (format.negative_zero) {
        EXPECT_EQ(value.bits / FormatOracle(format.name).sign_bit(), bits >> 31) << bits;
      }
    }
  }
}

// Up with the probability of what is cut off: over random bits spread evenly, the share is exact. `step` is a
// power of two.
template <typename T>
double mean_of_stochastic(float number, std::uint64_t step, Overflow overflow = Overflow::kNonFinite) {
  const CastMode mode{.rounding = Rounding::kStochastic, .overflow = overflow};
  double sum = 0;
  int count = 0;
  for (std::uint64_t random = step / 2; random < (1ULL << 32); random += step) {
    sum += static_cast<float>(T(number, mode, static_cast<std::uint32_t>(random)));
    ++count;
  }
  return sum / count;
}
TYPED_TEST(SmallFloats, RoundStochasticallyWithoutBias) {
  const FormatOracle expected = oracle<TypeParam>();
  const auto& values = expected.values();
  const unsigned last = expected.format().largest_code;
  const unsigned stride = last > 1000 ? 997 : 1;
  for (unsigned low = 0; low < last; low += stride) {
    for (const double share : {0.0, 0.25, 0.375, 0.9375}) {
      const auto number = static_cast<float>(values[low] + share * (values[low + 1] - values[low]));
      for (const float value : {number, -number}) {
        ASSERT_EQ(mean_of_stochastic<TypeParam>(value, 1ULL << 26), double{value}) << low;
      }
    }
  }
}
TYPED_TEST(SmallFloats, RoundStochasticallyToNeighboursAlone) {
  const FormatOracle expected = oracle<TypeParam>();
  Philox random(1, Purpose::kTest);
  const CastMode down{.rounding = Rounding::kTowardZero};
  const CastMode mode{.rounding = Rounding::kStochastic, .overflow = Overflow::kSaturate};
  for (int i = 0; i < 20000; ++i) {
    const auto number = std::bit_cast<float>(random.next_u32() & 0x7FFFFFFFU);
    if (!std::isfinite(number)) continue;
    const unsigned low = expected.magnitude_code(number, down);
    const unsigned code = TypeParam(number, mode, random.next_u32()).bits;
    const bool exact = expected.values()[low] == double{number};
    ASSERT_TRUE(code == low || (!exact && code == std::min(low + 1, expected.format().largest_code)))
        << number << ' ' << code << ' ' << low;
  }
}

TEST(SmallFloat, RoundsTinyValuesUpWithTheirProbability) {
  // 2^-40 of E5M2's smallest, 2^-16: beyond the 32 random bits' reach; 2^-30 within it.
  const CastMode mode{.rounding = Rounding::kStochastic};
  EXPECT_EQ(Float8E5M2(0x1p-56F, mode, 0xFFFFFFFFU).bits, 0);
  EXPECT_EQ(Float8E5M2(0x1p-46F, mode, 0xFFFFFFFCU).bits, 1);
  EXPECT_EQ(Float8E5M2(0x1p-46F, mode, 0xFFFFFFFBU).bits, 0);
}

TEST(SmallFloat, OverflowsAsItsModeSays) {
  const CastMode open{.overflow = Overflow::kNonFinite};
  EXPECT_EQ(Float16(65519.9F).bits, 0x7BFF);
  EXPECT_EQ(Float16(65520.0F).bits, 0x7C00);
  EXPECT_EQ(Float16(-INFINITY).bits, 0xFC00);
  EXPECT_EQ(BFloat16(std::numeric_limits<float>::max()).bits, 0x7F80);
  EXPECT_EQ(Float8E4M3(464.0F, open).bits, 0x7E);
  EXPECT_EQ(Float8E4M3(464.1F, open).bits, 0x7F);
  EXPECT_EQ(Float8E4M3(464.1F).bits, 0x7E);
  EXPECT_EQ(Float8E4M3(-INFINITY).bits, 0xFE);
  EXPECT_EQ(Float8E5M2(INFINITY).bits, 0x7B);
  EXPECT_EQ(Float8E5M2(61440.0F, open).bits, 0x7C);
  // ONNX's table.
  EXPECT_EQ(Float8E4M3Fnuz(INFINITY).bits, 0x80);
  EXPECT_EQ(Float8E4M3Fnuz(1e9F).bits, 0x7F);
  EXPECT_EQ(Float8E4M3Fnuz(-1e9F).bits, 0xFF);
  EXPECT_EQ(Float8E4M3Fnuz(-1e9F, open).bits, 0x80);
  EXPECT_EQ(Float8E4M3Fnuz(-0.0F).bits, 0x00);
  EXPECT_EQ(Float8E4M3Fnuz(-1e-9F).bits, 0x00);
  EXPECT_EQ(Float4E2M1(5.0F).bits, 6);  // 4 and 6: the even code
  EXPECT_EQ(Float4E2M1(-100.0F).bits, 0xF);
}

// By way of BF16 or FP16 some would be rounded twice.
TEST(SmallFloat, RoundsOnce) {
  const float above = 1.0625F + 0x1p-20F;  // beyond the middle of 1 and 1.125
  EXPECT_EQ(static_cast<float>(Float8E4M3(above)), 1.125F);
  EXPECT_EQ(static_cast<float>(Float8E4M3(static_cast<float>(Float16(above)))), 1.0F);
}

TEST(FloatFormats, AreFoundByName) {
  EXPECT_EQ(float_format("float8-e4m3").format.bias, 7);
  EXPECT_EQ(float_formats().size(), std::tuple_size_v<std::decay_t<decltype(kFloatTypes)>>);
  try {
    float_format("float8-e4m2");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean float8-e4m3"), std::string::npos) << error.what();
  }
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
