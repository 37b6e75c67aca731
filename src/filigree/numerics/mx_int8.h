// The element of MXINT8 (OCP Microscaling Formats 1.0, section 5.3.4): 8 bits in two's complement, in units
// of 1/64.
#pragma once

#include <cstdint>

#include "filigree/numerics/float_format.h"

namespace filigree {

// From -127/64 to 127/64; -2 (code -128) is read, and never written: the range is symmetric.
struct MxInt8 {
  // Evenly spaced numbers are a float whose two exponents, 0 (subnormal) and 1, have the same step. Its codes
  // are the magnitudes in two's complement.
  static constexpr FloatFormat kFormat{
      .exponent_bits = 1, .fraction_bits = 6, .bias = 1, .specials = Specials::kNone};

  std::int8_t bits;

  MxInt8() = default;
  // Beyond the largest: the largest, and so NaN.
  explicit constexpr MxInt8(float value, CastMode mode = {}, std::uint32_t random = 0)
      : bits(of_code(encode_float(kFormat, std::bit_cast<std::uint32_t>(value), mode, random))) {}
  explicit constexpr operator float() const { return static_cast<float>(bits) / 64; }

  friend constexpr bool operator==(const MxInt8&, const MxInt8&) = default;

 private:
  static constexpr std::int8_t of_code(std::uint32_t code) {
    const auto magnitude = static_cast<std::int8_t>(code & kFormat.magnitude_mask());
    return static_cast<std::int8_t>((code & kFormat.sign_bit()) == 0 ? magnitude : -magnitude);
  }
};

}  // namespace filigree
