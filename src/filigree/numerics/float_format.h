// Binary floating-point formats of 16 bits and fewer, as rows of traits, and one conversion for all of them.
// formats.h lists them; cast.h converts arrays.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

namespace filigree {

enum class Rounding {
  kNearestEven,  // ties to the even code
  kTowardZero,   // a finite value never becomes larger than the largest finite one (IEEE 754, 7.4)
  kStochastic,   // up with the probability of the part that would be cut off, by 32 random bits
};

// What a finite value becomes that, rounded, is beyond the largest one: infinity, or NaN in formats that
// have no infinity (and the largest value in formats that have neither); or the largest value.
enum class Overflow { kNonFinite, kSaturate };

// What infinity becomes: the same as a finite value beyond the largest; or infinity, or NaN, as above.
enum class Infinity { kAsOverflow, kNonFinite };

struct CastMode {
  Rounding rounding = Rounding::kNearestEven;
  Overflow overflow = Overflow::kNonFinite;
  Infinity infinity = Infinity::kAsOverflow;

  friend bool operator==(const CastMode&, const CastMode&) = default;
};

// What a format's codes mean beside numbers.
enum class Specials {
  kIeee,             // the highest exponent: infinity (fraction 0) and NaN, as in IEEE 754
  kNan,              // the highest code alone is NaN (OCP's E4M3, "FN"); no infinity
  kNegativeZeroNan,  // what would be -0 is NaN ("FNUZ"); no infinity, no -0
  kNone,             // numbers alone (OCP's MX elements)
};

// A sign, an exponent and a fraction. Codes of exponent 0 are zero and subnormal. With a bias of 127 a
// format is FP32 cut short; with a smaller one its values must be normal ones of FP32, and FP32's subnormals
// less than half of its smallest: exponents of 2 to 6 bits.
struct FloatFormat {
  int exponent_bits;
  int fraction_bits;
  int bias;
  Specials specials;

  constexpr int bits() const { return 1 + exponent_bits + fraction_bits; }
  constexpr std::uint32_t sign_bit() const { return 1U << (exponent_bits + fraction_bits); }
  // Codes without their sign.
  constexpr std::uint32_t magnitude_mask() const { return sign_bit() - 1; }
  constexpr std::uint32_t fraction_mask() const { return (1U << fraction_bits) - 1; }
  constexpr std::uint32_t top_exponent() const { return magnitude_mask() & ~fraction_mask(); }
  // The highest bit of the fraction is set in quiet NaN.
  constexpr std::uint32_t quiet_bit() const { return 1U << (fraction_bits - 1); }
  constexpr bool has_infinity() const { return specials == Specials::kIeee; }

  constexpr std::uint32_t largest_finite() const {
    if (specials == Specials::kIeee) return top_exponent() - 1;
    return specials == Specials::kNan ? magnitude_mask() - 1 : magnitude_mask();
  }
  // The code of infinity, or what stands for it; without a sign, but for the NaN of FNUZ, which has no other.
  constexpr std::uint32_t non_finite() const {
    if (specials == Specials::kNegativeZeroNan) return sign_bit();
    return specials == Specials::kNone ? largest_finite() : largest_finite() + 1;
  }
  // The code of NaN where there is just one, or what stands for it.
  constexpr std::uint32_t nan() const {
    return specials == Specials::kIeee ? top_exponent() | quiet_bit() : non_finite();
  }
  // Codes of these two cases, without their sign but for FNUZ's NaN.
  constexpr std::uint32_t overflow_code(const CastMode& mode) const {
    const bool saturates = mode.overflow == Overflow::kSaturate || mode.rounding == Rounding::kTowardZero;
    return saturates ? largest_finite() : non_finite();
  }
  constexpr std::uint32_t infinity_code(const CastMode& mode) const {
    const bool saturates = mode.overflow == Overflow::kSaturate && mode.infinity == Infinity::kAsOverflow;
    return saturates ? largest_finite() : non_finite();
  }

  // What fractions of FP32 have in excess.
  constexpr int shift() const { return 23 - fraction_bits; }
  // Whether FP32's upper bits are the format's code.
  constexpr bool is_short_fp32() const { return bias == 127; }
  // The bits of the smallest normal value, in FP32; and the difference of the exponents.
  constexpr std::uint32_t smallest_normal() const { return static_cast<std::uint32_t>(128 - bias) << 23; }
  constexpr std::uint32_t rebase() const { return static_cast<std::uint32_t>(127 - bias) << 23; }
};

// The bits of FP32's value that a code stands for. Exact. NaN becomes quiet, with its sign and payload (that
// of FP32 cut short stays as it is). Integers alone: modes of the processor (flush-to-zero, rounding) do not
// matter.
constexpr std::uint32_t decode_float(const FloatFormat& format, std::uint32_t code) {
  if (format.is_short_fp32()) return code << format.shift();
  const std::uint32_t sign = code >> (format.bits() - 1) << 31;
  const std::uint32_t magnitude = code & format.magnitude_mask();
  if (format.specials == Specials::kNegativeZeroNan && code == format.nan()) return 0x7FC00000U;
  if (magnitude > format.largest_finite()) {
    const bool nan = !format.has_infinity() || magnitude > format.top_exponent();
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

// `value` without its last `down` bits (1 to 55), rounded by what they were.
constexpr std::uint32_t round_off(std::uint32_t value, int down, Rounding rounding, std::uint32_t random) {
  // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): unsigned, which may lose bits
  const std::uint64_t point = (std::uint64_t{value} << 32) >> down;
  const auto whole = static_cast<std::uint32_t>(point >> 32);
  const auto part = static_cast<std::uint32_t>(point);
  switch (rounding) {
    case Rounding::kNearestEven:
      // Past 32 bits the part is short of bits, and far below one half.
      return whole + (part > 0x80000000U - (whole & 1U) ? 1U : 0U);
    case Rounding::kStochastic:
      return whole + static_cast<std::uint32_t>((std::uint64_t{part} + random) >> 32);
    case Rounding::kTowardZero: break;
  }
  return whole;
}

// The code of an FP32 value, given by its bits. NaN becomes quiet, with its sign and the upper bits of its
// payload where the format has room for them; the largest value where it has no NaN at all (as in ONNX).
// `random` is for stochastic rounding: uniform bits. Rounding up of a value whose fraction beyond the code
// is f has a probability of exactly f, cut to 32 bits. Integers alone, as above.
constexpr std::uint32_t encode_float(const FloatFormat& format, std::uint32_t from, const CastMode& mode,
                                     std::uint32_t random = 0) {
  const std::uint32_t sign = from >> 31 << (format.bits() - 1);
  const std::uint32_t magnitude = from & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) {
    if (!format.has_infinity()) return sign | format.nan();
    return sign | format.nan() | (magnitude >> format.shift() & format.fraction_mask());
  }
  if (magnitude == 0x7F800000U) return sign | format.infinity_code(mode);
  // What is rounded, and how many of its bits go.
  std::uint32_t value = magnitude - format.rebase();
  int down = format.shift();
  if (!format.is_short_fp32() && magnitude < format.smallest_normal()) {
    const auto exponent = static_cast<int>(magnitude >> 23);
    // FP32's subnormals have no implied bit, and the exponent of its smallest normal values.
    down += 128 - format.bias - (exponent == 0 ? 1 : exponent);
    value = (magnitude & 0x7FFFFFU) | (exponent == 0 ? 0U : 0x800000U);
    if (down > 55) return format.specials == Specials::kNegativeZeroNan ? 0U : sign;
  }
  const std::uint32_t code = round_off(value, down, mode.rounding, random);
  if (code == 0 && format.specials == Specials::kNegativeZeroNan) return 0;
  return sign | (code > format.largest_finite() ? format.overflow_code(mode) : code);
}

// A storage type: arithmetic goes by way of float, which holds each of its values exactly. Traits: kFormat,
// and kMode for the constructor.
template <class Traits>
struct SmallFloat {
  static constexpr FloatFormat kFormat = Traits::kFormat;
  static constexpr CastMode kMode = Traits::kMode;
  using Bits = std::conditional_t<(kFormat.bits() > 8), std::uint16_t, std::uint8_t>;

  Bits bits;

  SmallFloat() = default;
  explicit SmallFloat(float value, CastMode mode = kMode, std::uint32_t random = 0)
      : bits(static_cast<Bits>(encode_float(kFormat, std::bit_cast<std::uint32_t>(value), mode, random))) {}
  explicit operator float() const { return std::bit_cast<float>(decode_float(kFormat, bits)); }

  friend bool operator==(SmallFloat a, SmallFloat b) {
    return static_cast<float>(a) == static_cast<float>(b);
  }
};

}  // namespace filigree
