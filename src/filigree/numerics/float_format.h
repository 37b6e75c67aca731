// Binary floating-point formats narrower than FP32, as rows of traits, and one conversion for all of them.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

namespace filigree {

// What a value beyond the largest finite one becomes, infinities included: the format's infinity (NaN where
// it has none), or the largest finite value. Values are rounded first and compared then.
enum class Overflow { kNonFinite, kSaturate };

// A sign, an exponent and a fraction. Codes of exponent 0 are zero and subnormal. Subnormals of FP32 must
// round to zero, and each of the format's values must be a normal one of FP32: exponent_bits of 2 to 6.
struct FloatFormat {
  int exponent_bits;
  int fraction_bits;
  int bias;
  // Of the codes with the highest exponent, fraction 0 is infinity and the others are NaN, as in IEEE 754;
  // or the highest fraction is NaN and the others are numbers, as in OCP's "FN" formats.
  bool has_infinity;

  constexpr int bits() const { return 1 + exponent_bits + fraction_bits; }
  // Codes without their sign.
  constexpr std::uint32_t magnitude_mask() const { return (1U << (exponent_bits + fraction_bits)) - 1; }
  constexpr std::uint32_t fraction_mask() const { return (1U << fraction_bits) - 1; }
  constexpr std::uint32_t top_exponent() const { return magnitude_mask() & ~fraction_mask(); }
  constexpr std::uint32_t largest_finite() const {
    return has_infinity ? top_exponent() - 1 : magnitude_mask() - 1;
  }
  constexpr std::uint32_t overflow_code(Overflow overflow) const {
    return overflow == Overflow::kSaturate ? largest_finite() : largest_finite() + 1;
  }
  // The highest bit of the fraction is set in quiet NaN.
  constexpr std::uint32_t quiet_bit() const { return 1U << (fraction_bits - 1); }

  // What fractions of FP32 have in excess.
  constexpr int shift() const { return 23 - fraction_bits; }
  // The bits of the smallest normal value, in FP32; and the difference of the exponents.
  constexpr std::uint32_t smallest_normal() const { return static_cast<std::uint32_t>(128 - bias) << 23; }
  constexpr std::uint32_t rebase() const { return static_cast<std::uint32_t>(127 - bias) << 23; }
};

// The bits of FP32's value that a code stands for. Exact. NaN becomes quiet, with its sign and payload.
// Integers alone: modes of the processor (flush-to-zero, rounding) do not matter.
constexpr std::uint32_t decode_float(const FloatFormat& format, std::uint32_t code) {
  const std::uint32_t sign = code >> (format.bits() - 1) << 31;
  const std::uint32_t magnitude = code & format.magnitude_mask();
  if (magnitude > format.largest_finite()) {
    const bool nan = !format.has_infinity || magnitude > format.top_exponent();
    const std::uint32_t fraction = (magnitude & format.fraction_mask()) << format.shift();
    return sign | 0x7F800000U | fraction | (nan ? 0x400000U : 0U);
  }
  if (magnitude > format.fraction_mask()) return sign | ((magnitude << format.shift()) + format.rebase());
  if (magnitude == 0) return sign;
  // Subnormal: its highest bit becomes the one that FP32 implies.
  const int up = std::countl_zero(magnitude) - 8;  // to bit 23
  const auto exponent = static_cast<std::uint32_t>(format.shift() + 128 - format.bias - up);
  return sign | exponent << 23 | (magnitude << up & 0x7FFFFFU);
}

// The code of an FP32 value, given by its bits: the nearest, ties to even. NaN becomes quiet, with its sign
// and the upper bits of its payload where the format has room for them. Integers alone, as above.
constexpr std::uint32_t encode_float(const FloatFormat& format, std::uint32_t from, Overflow overflow) {
  const std::uint32_t sign = from >> 31 << (format.bits() - 1);
  const std::uint32_t magnitude = from & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) {
    if (!format.has_infinity) return sign | format.magnitude_mask();
    const std::uint32_t payload = magnitude >> format.shift() & format.fraction_mask();
    return sign | format.top_exponent() | format.quiet_bit() | payload;
  }
  // What is rounded, and how many of its bits go.
  std::uint32_t value = magnitude - format.rebase();
  int down = format.shift();
  if (magnitude < format.smallest_normal()) {
    const auto exponent = static_cast<int>(magnitude >> 23);
    down += 128 - format.bias - exponent;
    // Below half of the smallest subnormal.
    if (down > 24) return sign;
    value = (magnitude & 0x7FFFFFU) | 0x800000U;
  }
  const std::uint32_t code = (value + (1U << (down - 1)) - 1 + (value >> down & 1U)) >> down;
  return sign | (code > format.largest_finite() ? format.overflow_code(overflow) : code);
}

// A storage type: arithmetic goes by way of float, which holds each of its values exactly. Traits: kFormat,
// and kOverflow for the constructor.
template <class Traits>
struct SmallFloat {
  static constexpr FloatFormat kFormat = Traits::kFormat;
  static constexpr Overflow kOverflow = Traits::kOverflow;
  using Bits = std::conditional_t<(kFormat.bits() > 8), std::uint16_t, std::uint8_t>;

  Bits bits;

  SmallFloat() = default;
  explicit SmallFloat(float value, Overflow overflow = kOverflow)
      : bits(static_cast<Bits>(encode_float(kFormat, std::bit_cast<std::uint32_t>(value), overflow))) {}
  explicit operator float() const { return std::bit_cast<float>(decode_float(kFormat, bits)); }

  friend bool operator==(SmallFloat a, SmallFloat b) {
    return static_cast<float>(a) == static_cast<float>(b);
  }
};

}  // namespace filigree
