#include "filigree/numerics/mx.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/philox.h"
#include "filigree/base/test_isa.h"
#include "filigree/numerics/cast.h"
#include "filigree/numerics/test_denormals.h"
#include "filigree/numerics/test_mx.h"

namespace filigree {
namespace {

using test::MxBlocks;
using test::MxElements;

class MxOnEachIsa : public test::OnEachIsa {};
INSTANTIATE_TEST_SUITE_P(Isas, MxOnEachIsa, test::every_isa(), test::isa_label);

const std::vector<MxOptions>& all_options() {
  static const std::vector<MxOptions> kOptions = [] {
    std::vector<MxOptions> options;
    for (const int block : {32, 16}) {
      for (const Rounding rounding : {Rounding::kNearestEven, Rounding::kTowardZero, Rounding::kStochastic}) {
        options.push_back({.block = block, .rounding = rounding});
      }
    }
    return options;
  }();
  return kOptions;
}

// What quantise() and dequantise() must give, in bits: the modes of the processor cannot change it.
template <class T>
struct Expected {
  explicit Expected(const MxOptions& of) : options(of) {}

  MxOptions options;
  MxBlocks<T> blocks{};
  std::vector<std::uint32_t> values;
};
template <class T>
std::vector<Expected<T>> expected_of(const std::vector<float>& from,
                                     const std::vector<std::uint32_t>& random) {
  std::vector<Expected<T>> all;
  for (const MxOptions& options : all_options()) {
    Expected<T>& expected = all.emplace_back(options);
    expected.blocks = test::quantised_one_by_one<T>(from, options, random);
    expected.values = test::dequantised_one_by_one(expected.blocks, options.block);
  }
  return all;
}

template <class T>
void check(const std::vector<Expected<T>>& all, const std::vector<float>& from,
           const std::vector<std::uint32_t>& random) {
  for (const Expected<T>& expected : all) {
    const MxBlocks<T> blocks = test::quantised<T>(from, expected.options, random.data());
    for (std::size_t i = 0; i < from.size(); ++i) {
      const std::size_t block = i / static_cast<std::size_t>(expected.options.block);
      ASSERT_EQ(blocks.scales[block].bits, expected.blocks.scales[block].bits) << block;
      ASSERT_EQ(blocks.codes[i].bits, expected.blocks.codes[i].bits) << from[i] << ' ' << i;
    }
    const std::vector<float> values = test::dequantised(blocks, expected.options.block);
    for (std::size_t i = 0; i < from.size(); ++i) {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(values[i]), expected.values[i]) << from[i] << ' ' << i;
    }
  }
}

template <class T>
void check_with_and_without_denormals() {
  const std::vector<float> from = test::floats_of_all_sizes();
  const std::vector<std::uint32_t> random = test::random_words(from.size());
  const auto expected = expected_of<T>(from, random);
  check<T>(expected, from, random);
  const test::DenormalsAsZero mode;
  check<T>(expected, from, random);
}

TEST_P(MxOnEachIsa, ConvertsAsOneValueIsConverted) {
  test::for_each_mx_element([](auto element) { check_with_and_without_denormals<decltype(element)>(); });
}

template <class T>
class Mx : public ::testing::Test {};
TYPED_TEST_SUITE(Mx, MxElements);

// E8M0's and the elements' whole range, where products are subnormals of FP32 and where they overflow.
TYPED_TEST(Mx, EachCodeTimesEachScaleIsExact) {
  MxBlocks<TypeParam> blocks;
  for (int scale = 0; scale < 255; ++scale) {
    for (int code = 0; code < 1 << TypeParam::kFormat.bits(); ++code) {
      TypeParam element;
      element.bits = static_cast<decltype(element.bits)>(code);
      blocks.codes.push_back(element);
    }
    blocks.codes.resize((blocks.codes.size() + 31) / 32 * 32, TypeParam(1.0F));
    blocks.scales.resize(blocks.codes.size() / 32, E8M0::power(scale - 127));
  }
  const auto expected = test::dequantised_one_by_one(blocks, 32);
  const test::DenormalsAsZero mode;
  const auto values = test::dequantised(blocks, 32);
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(values[i]), expected[i]) << i;
  }
}

TYPED_TEST(Mx, ErrsByHalfAStepAtMost) {
  const std::vector<float> from = test::normal_floats(40000, 1);
  const MxBlocks<TypeParam> blocks = test::quantised<TypeParam>(from);
  const std::vector<float> values = test::dequantised(blocks);
  const double largest = test::mx_values<TypeParam>().back();
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto scale = static_cast<double>(blocks.scales[i / 32]);
    const double size = std::abs(double{from[i]}) / scale;
    if (size > largest) {
      ASSERT_EQ(values[i], static_cast<float>(std::copysign(largest * scale, from[i])));
      continue;
    }
    const double step = scale * test::step_at<TypeParam>(size);
    ASSERT_LE(std::abs(double{values[i]} - double{from[i]}), step / 2) << from[i];
  }
}

// With random bits spread evenly the mean is exact. The largest value sets the scale.
TYPED_TEST(Mx, RoundsStochasticallyWithoutBias) {
  const auto& elements = test::mx_values<TypeParam>();
  std::vector<float> from{static_cast<float>(elements.back())};
  for (std::size_t code = 0; code + 1 < elements.size() && from.size() < 1000; ++code) {
    if (code % 31 == 30) from.push_back(from[0]);
    const double share = static_cast<double>(code % 8) / 8;
    from.push_back(static_cast<float>(elements[code] + share * (elements[code + 1] - elements[code])));
  }
  std::vector<double> sums(from.size());
  constexpr int kDraws = 64;
  for (std::uint32_t draw = 0; draw < kDraws; ++draw) {
    const std::vector<std::uint32_t> random(from.size(), (draw << 26) + (1U << 25));
    const auto blocks = test::quantised<TypeParam>(from, {.rounding = Rounding::kStochastic}, random.data());
    const auto values = test::dequantised(blocks);
    for (std::size_t i = 0; i < from.size(); ++i) sums[i] += double{values[i]};
  }
  for (std::size_t i = 0; i < from.size(); ++i) EXPECT_EQ(sums[i] / kDraws, double{from[i]}) << i;
}

// Scales and codes, not values alone.
template <class T>
void expect_same(const MxBlocks<T>& a, const MxBlocks<T>& b) {
  for (std::size_t i = 0; i < a.scales.size(); ++i) ASSERT_EQ(a.scales[i].bits, b.scales[i].bits) << i;
  for (std::size_t i = 0; i < a.codes.size(); ++i) ASSERT_EQ(a.codes[i].bits, b.codes[i].bits) << i;
}

TYPED_TEST(Mx, QuantisesItsOwnValuesToTheSameCodes) {
  const auto from = test::floats_of_all_sizes();
  const auto random = test::random_words(from.size());
  for (const MxOptions& options : all_options()) {
    const auto once = test::quantised<TypeParam>(from, options, random.data());
    const auto values = test::dequantised(once, options.block);
    expect_same(test::quantised<TypeParam>(values, options, random.data()), once);
  }
}

// NVIDIA/Megatron-LM #6666 reports that another rule's codes change on the way.
TYPED_TEST(Mx, ComesBackByWayOfBFloat16) {
  std::vector<float> from;
  for (const double scale : {0x1p-100, 1.0, 0x1p100}) {
    for (const float value : test::normal_floats(4096, scale)) from.push_back(value);
  }
  const auto once = test::quantised<TypeParam>(from);
  const auto values = test::dequantised(once);
  std::vector<BFloat16> halves(from.size());
  cast(values.data(), static_cast<std::int64_t>(values.size()), halves.data());
  std::vector<float> back(from.size());
  cast(halves.data(), static_cast<std::int64_t>(values.size()), back.data());
  expect_same(test::quantised<TypeParam>(back), once);
}

// Rules that round scales up leave at most half of the largest element now and then, as of 448.5: 224 at a
// scale of 2.
TEST(Mx, KeepsValuesButNotCodesOfAnotherRule) {
  MxBlocks<Float8E4M3> foreign{.scales = {E8M0::power(1)}, .codes = {}};
  for (const float element : {224.0F, -3.25F, 0x1p-9F}) foreign.codes.emplace_back(element);
  const auto values = test::dequantised(foreign);
  const auto own = test::quantised<Float8E4M3>(values);
  EXPECT_EQ(own.scales[0].exponent(), 0);
  EXPECT_NE(own.codes[1].bits, foreign.codes[1].bits);
  EXPECT_EQ(test::dequantised(own), values);
}

TEST(Mx, GivesTheSpecificationsScale) {
  for (const auto& [largest, exponent] :
       std::vector<std::pair<float, int>>{{1.0F, -8},
                                          {1.99F, -8},
                                          {2.0F, -7},
                                          {448.0F, 0},
                                          {511.0F, 0},
                                          {512.0F, 1},
                                          {0x1p-126F, -127},
                                          {0x1p-149F, -127},
                                          {std::numeric_limits<float>::max(), 119}}) {
    const auto blocks = test::quantised<Float8E4M3>({0.0F, -largest, largest / 4});
    EXPECT_EQ(blocks.scales[0].exponent(), exponent) << largest;
  }
}

TEST(Mx, SaturatesWhatIsBeyondTheLargestElement) {
  const auto blocks = test::quantised<Float8E4M3>({511.0F, -449.0F, 448.0F, 1.0F});
  EXPECT_EQ(test::dequantised(blocks), (std::vector<float>{448, -448, 448, 1}));
  const auto integers = test::quantised<MxInt8>({1.999F, -1.999F, 1.0F / 128, 3.0F / 128});
  EXPECT_EQ(test::dequantised(integers), (std::vector<float>{127.0F / 64, -127.0F / 64, 0, 2.0F / 64}));
}

TYPED_TEST(Mx, GivesZerosTheSmallestScale) {
  const auto blocks = test::quantised<TypeParam>({0.0F, -0.0F, 0.0F});
  EXPECT_EQ(blocks.scales[0].bits, 0);
  const auto values = test::dequantised(blocks);
  EXPECT_EQ(values, (std::vector<float>{0, 0, 0}));
  EXPECT_EQ(std::signbit(values[1]), (!std::is_same_v<TypeParam, MxInt8>));
}

TYPED_TEST(Mx, MakesNanOfABlockThatIsNotFinite) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {infinity, -infinity, std::nanf("")}) {
    std::vector<float> from(96, 1.0F);
    from[40] = bad;
    const auto blocks = test::quantised<TypeParam>(from);
    const auto values = test::dequantised(blocks);
    for (std::size_t i = 0; i < from.size(); ++i) {
      ASSERT_EQ(std::isnan(values[i]), i / 32 == 1) << i;
      if (i / 32 == 1) {
        ASSERT_EQ(blocks.codes[i].bits, 0);
      }
    }
  }
}

TYPED_TEST(Mx, TakesAnyNumberOfValues) {
  const auto all = test::normal_floats(1100, 1);
  const auto whole = test::quantised<TypeParam>(all);
  for (const std::size_t count : {0U, 1U, 31U, 32U, 33U, 1023U, 1024U, 1025U, 1099U}) {
    const auto part =
        test::quantised<TypeParam>({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count)});
    ASSERT_EQ(part.scales.size(), (count + 31) / 32);
    for (std::size_t i = 0; i < count / 32 * 32; ++i) ASSERT_EQ(part.codes[i].bits, whole.codes[i].bits);
  }
}

TEST(Mx, RefusesOtherBlocksAndMissingRandomBits) {
  const float from = 1;
  Float4E2M1 code;
  E8M0 scale;
  EXPECT_THROW(quantise(&from, 1, &scale, &code, {.block = 8}), Error);
  EXPECT_THROW(quantise(&from, 1, &scale, &code, {.rounding = Rounding::kStochastic}), Error);
  float to = 0;
  EXPECT_THROW(dequantise(&scale, &code, 1, &to, 0), Error);
}

// Signal to noise of N(0, s^2), in decibels, at any s. Elements of 8 bits by themselves reach 31.5 (E4M3) and
// 25.6 (E5M2) where they neither saturate nor underflow; here some values beyond the largest saturate.
template <class T>
double signal_to_noise(double deviation) {
  const auto from = test::normal_floats(1 << 16, deviation);
  const auto values = test::dequantised(test::quantised<T>(from));
  double signal = 0;
  double noise = 0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const double error = double{values[i]} - double{from[i]};
    signal += double{from[i]} * double{from[i]};
    noise += error * error;
  }
  return 10 * std::log10(signal / noise);
}
TEST(Mx, HasTheSignalToNoiseOfItsElements) {
  for (const double deviation : {0x1p-100, 1.2, 1.4, 0x1p100}) {
    EXPECT_NEAR(signal_to_noise<Float8E4M3>(deviation), 31.5, 1.1);
    EXPECT_NEAR(signal_to_noise<Float8E5M2>(deviation), 25.6, 0.4);
    EXPECT_NEAR(signal_to_noise<Float6E3M2>(deviation), 25.6, 0.4);  // the same fraction, and room enough
    EXPECT_NEAR(signal_to_noise<Float6E2M3>(deviation), 31.5, 0.7);
    EXPECT_NEAR(signal_to_noise<Float4E2M1>(deviation), 18.8, 0.2);
    EXPECT_NEAR(signal_to_noise<MxInt8>(deviation), 42, 0.5);
  }
}

}  // namespace
}  // namespace filigree
