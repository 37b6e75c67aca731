// The scale of a block in OCP's Microscaling Formats (MX) Specification, version 1.0 (section 5.4.1): FP32's
// exponent field by itself.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace filigree {

// 2^(code - 127), from 2^-127 to 2^127; code 255 is NaN. No sign, no zero, no infinity. Integers alone: modes
// of the processor (flush-to-zero, rounding) do not matter.
struct E8M0 {
  static constexpr int kBias = 127;
  static constexpr int kLargestExponent = 127;
  static constexpr std::uint8_t kNan = 0xFF;

  std::uint8_t bits;

  E8M0() = default;
  // The nearest power of two; in the middle (1.5) the larger one. Positive values below the smallest become
  // the smallest. NaN: zero, negative values, infinity, NaN, and what would round to 2^128. ml_dtypes'
  // float8_e8m0fnu does the same, but for one gap, between 2^-127 and 1.5 * 2^-127, where it gives 2^-126.
  explicit constexpr E8M0(float value) : bits(encode(std::bit_cast<std::uint32_t>(value))) {}
  // 2^exponent, or the end of the range that is nearest to it.
  static constexpr E8M0 power(int exponent) {
    E8M0 scale{};
    scale.bits = static_cast<std::uint8_t>(std::clamp(exponent, -kBias, kLargestExponent) + kBias);
    return scale;
  }
  static constexpr E8M0 nan() {
    E8M0 scale{};
    scale.bits = kNan;
    return scale;
  }

  constexpr bool is_nan() const { return bits == kNan; }
  // Not of NaN.
  constexpr int exponent() const { return bits - kBias; }
  // Exact. 2^-127 is a subnormal of FP32.
  explicit constexpr operator float() const { return std::bit_cast<float>(float_bits()); }
  explicit constexpr operator double() const {
    if (is_nan()) return std::bit_cast<double>(std::uint64_t{0x7FF8} << 48);
    return std::bit_cast<double>(static_cast<std::uint64_t>(exponent() + 1023) << 52);
  }
  // The bits of FP32's value: who reads them sees 2^-127 also where the processor takes denormals for zero.
  constexpr std::uint32_t float_bits() const {
    if (is_nan()) return 0x7FC00000U;
    return bits == 0 ? 0x00400000U : std::uint32_t{bits} << 23;
  }

  // As numbers: NaN is not equal to itself.
  friend constexpr bool operator==(E8M0 a, E8M0 b) { return a.bits == b.bits && !a.is_nan(); }

 private:
  static constexpr std::uint8_t encode(std::uint32_t value) {
    if (value == 0 || value > 0x7F800000U) return kNan;
    // 2^-127 and 2^-126 in FP32's subnormals lie where the exponent does not tell them apart.
    if (value < 0x00800000U) return value < 0x00600000U ? 0 : 1;
    return static_cast<std::uint8_t>(std::min((value + 0x00400000U) >> 23, 0xFFU));
  }
};

}  // namespace filigree
