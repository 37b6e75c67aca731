// For tests of MX formats: each value converted by itself, in double; and values to convert.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "filigree/base/philox.h"
#include "filigree/numerics/formats.h"
#include "filigree/numerics/mx.h"
#include "filigree/numerics/test_format_oracle.h"

namespace filigree::test {

using MxElements = testing::Types<Float8E4M3, Float8E5M2, Float6E3M2, Float6E2M3, Float4E2M1, MxInt8>;

template <class Visit>
void for_each_mx_element(const Visit& visit) {
  visit(Float8E4M3{}), visit(Float8E5M2{}), visit(Float6E3M2{});
  visit(Float6E2M3{}), visit(Float4E2M1{}), visit(MxInt8{});
}

template <class T>
struct MxBlocks {
  std::vector<E8M0> scales;
  std::vector<T> codes;
};

template <class T>
MxBlocks<T> quantised(const std::vector<float>& from, const MxOptions& options = {},
                      const std::uint32_t* random = nullptr) {
  const auto count = static_cast<std::int64_t>(from.size());
  MxBlocks<T> blocks;
  blocks.scales.resize(static_cast<std::size_t>(mx_block_count(count, options.block)));
  blocks.codes.resize(from.size());
  quantise(from.data(), count, blocks.scales.data(), blocks.codes.data(), options, random);
  return blocks;
}
template <class T>
std::vector<float> dequantised(const MxBlocks<T>& blocks, int block = 32) {
  std::vector<float> to(blocks.codes.size());
  dequantise(blocks.scales.data(), blocks.codes.data(), static_cast<std::int64_t>(to.size()), to.data(),
             block);
  return to;
}

template <class T>
const FormatOracle& mx_oracle() {
  static const FormatOracle kOracle(float_formats()[static_cast<std::size_t>(format_index<T>())].name);
  return kOracle;
}

// The magnitudes of elements, in rising order.
template <class T>
const std::vector<double>& mx_values() {
  static const std::vector<double> kValues = [] {
    std::vector<double> values;
    if constexpr (std::is_same_v<T, MxInt8>) {
      for (int code = 0; code <= 127; ++code) values.push_back(code / 64.0);
    } else {
      values = mx_oracle<T>().values();
      values.pop_back();  // beyond the largest
    }
    return values;
  }();
  return kValues;
}
// The distance of neighbours around a magnitude.
template <class T>
double step_at(double size) {
  const auto& values = mx_values<T>();
  const auto above = std::lower_bound(values.begin() + 1, values.end() - 1, size);
  return *above - *(above - 1);
}

// The element next to a number; `random` decides as SmallFloat's constructor would.
template <class T>
T element_of(double number, Rounding rounding, std::uint32_t random) {
  const CastMode mode{.rounding = rounding, .overflow = Overflow::kSaturate};
  // Below FP32's normal range is far below the smallest element.
  const double seen = std::abs(number) < 0x1p-126 ? std::copysign(0.0, number) : number;
  if (rounding == Rounding::kStochastic) return T(static_cast<float>(seen), mode, random);
  T element;
  if constexpr (std::is_same_v<T, MxInt8>) {
    const double units =
        rounding == Rounding::kTowardZero ? std::trunc(seen * 64) : std::nearbyint(seen * 64);
    element.bits = static_cast<std::int8_t>(std::clamp(units, -127.0, 127.0));
  } else {
    element.bits = static_cast<typename T::Bits>(mx_oracle<T>().code(static_cast<float>(seen), mode));
  }
  return element;
}

template <class T>
MxBlocks<T> quantised_one_by_one(const std::vector<float>& from, const MxOptions& options,
                                 const std::vector<std::uint32_t>& random) {
  MxBlocks<T> blocks;
  const auto size = static_cast<std::size_t>(options.block);
  const int emax = std::ilogb(mx_values<T>().back());
  for (std::size_t begin = 0; begin < from.size(); begin += size) {
    const std::size_t end = std::min(from.size(), begin + size);
    double largest = 0;
    bool finite = true;
    for (std::size_t i = begin; i < end; ++i) {
      finite = finite && std::isfinite(from[i]);
      largest = std::max(largest, std::abs(double{from[i]}));
    }
    const int exponent = largest == 0 ? -127 : std::max(-127, std::ilogb(largest) - emax);
    blocks.scales.push_back(finite ? E8M0::power(exponent) : E8M0::nan());
    for (std::size_t i = begin; i < end; ++i) {
      const double scaled = finite ? std::ldexp(double{from[i]}, -exponent) : 0;
      blocks.codes.push_back(element_of<T>(scaled, options.rounding, random[i]));
    }
  }
  return blocks;
}

// Bits of FP32.
template <class T>
std::vector<std::uint32_t> dequantised_one_by_one(const MxBlocks<T>& blocks, int block) {
  std::vector<std::uint32_t> values;
  for (std::size_t i = 0; i < blocks.codes.size(); ++i) {
    const E8M0 scale = blocks.scales[i / static_cast<std::size_t>(block)];
    const auto element = static_cast<float>(blocks.codes[i]);
    if (scale.is_nan()) {
      values.push_back(0x7FC00000U);
    } else if (std::isfinite(element)) {
      values.push_back(
          std::bit_cast<std::uint32_t>(static_cast<float>(std::ldexp(double{element}, scale.exponent()))));
    } else {
      values.push_back(std::bit_cast<std::uint32_t>(element));
    }
  }
  return values;
}

inline std::vector<std::uint32_t> random_words(std::size_t count) {
  Philox generator(11, Purpose::kTest);
  std::vector<std::uint32_t> words(count);
  for (std::uint32_t& word : words) word = generator.next_u32();
  return words;
}
inline std::vector<float> normal_floats(std::size_t count, double deviation) {
  Philox generator(12, Purpose::kTest);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(generator.normal() * deviation);
  return values;
}

// 32 of every size that FP32 has, subnormals among them, once as normal numbers and once mixed with any
// smaller one; some zeros; a few blocks of zeros, and with infinity or NaN. Not a whole number of blocks.
inline std::vector<float> floats_of_all_sizes() {
  Philox generator(13, Purpose::kTest);
  std::vector<float> values;
  for (int exponent = -150; exponent <= 127; ++exponent) {
    for (int i = 0; i < 64; ++i) {
      const int down = i < 32 ? 0 : static_cast<int>(generator.below(i % 2 == 0 ? 48 : 300));
      const double sign = generator.below(2) == 0 ? 1 : -1;
      const auto value =
          static_cast<float>(sign * std::ldexp(0.5 + generator.uniform() / 2, exponent - down + 1));
      values.push_back(generator.below(50) == 0 ? 0.0F : value);
    }
  }
  values.insert(values.end(), 64, -0.0F);
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    values.insert(values.end(), 63, 1.5F);
    values.push_back(bad);
  }
  values.insert(values.end(), 23, 0x1.FFFFFEp127F);
  return values;
}

}  // namespace filigree::test
