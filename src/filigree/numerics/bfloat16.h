// BFloat16: FP32's upper half (sign, 8 bits of exponent, 7 of fraction).
#pragma once

#include <bit>
#include <cstdint>

namespace filigree {

// A storage type: arithmetic goes by way of float, which holds each of its values exactly.
struct BFloat16 {
  std::uint16_t bits;

  BFloat16() = default;
  // To nearest, ties to even; beyond the largest finite value to infinity. NaN stays NaN, quiet, with its
  // sign and the upper bits of its payload.
  explicit BFloat16(float value) : bits(round(std::bit_cast<std::uint32_t>(value))) {}
  explicit operator float() const { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

  friend bool operator==(BFloat16 a, BFloat16 b) { return static_cast<float>(a) == static_cast<float>(b); }

 private:
  static std::uint16_t round(std::uint32_t from) {
    if ((from & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>(from >> 16 | 0x40U);
    return static_cast<std::uint16_t>((from + 0x7FFFU + (from >> 16 & 1U)) >> 16);
  }
};

}  // namespace filigree
