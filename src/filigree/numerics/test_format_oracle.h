// For tests: what each format of formats.h must do, from the published tables alone. Knows values, in double;
// nothing of how floats are laid out in bits.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/numerics/float_format.h"

namespace filigree::test {

// A row of the specifications: OCP 8-bit Floating Point 1.0, OCP Microscaling 1.0, IEEE 754, and for the
// variants without negative zero Noune et al. 2022 and ml_dtypes' documentation.
struct PublishedFormat {
  std::string_view name;
  int exponent_bits;
  int fraction_bits;
  int bias;
  double largest;
  double smallest_normal;
  double smallest_subnormal;
  unsigned largest_code;
  int infinity;  // its code; -1: none
  int nan;       // the code of quiet NaN without payload; -1: none
  bool negative_zero;
};

inline const PublishedFormat& published(std::string_view name) {
  static const PublishedFormat kFormats[] = {
      {"float16", 5, 10, 15, 65504, 0x1p-14, 0x1p-24, 0x7BFF, 0x7C00, 0x7E00, true},
      {"bfloat16", 8, 7, 127, 0x1.FEp127, 0x1p-126, 0x1p-133, 0x7F7F, 0x7F80, 0x7FC0, true},
      {"float8-e4m3", 4, 3, 7, 448, 0x1p-6, 0x1p-9, 0x7E, -1, 0x7F, true},
      {"float8-e5m2", 5, 2, 15, 57344, 0x1p-14, 0x1p-16, 0x7B, 0x7C, 0x7E, true},
      {"float8-e4m3-fnuz", 4, 3, 8, 240, 0x1p-7, 0x1p-10, 0x7F, -1, 0x80, false},
      {"float8-e5m2-fnuz", 5, 2, 16, 57344, 0x1p-15, 0x1p-17, 0x7F, -1, 0x80, false},
      {"float8-e4m3-ieee", 4, 3, 7, 240, 0x1p-6, 0x1p-9, 0x77, 0x78, 0x7C, true},
      {"float6-e3m2", 3, 2, 3, 28, 0.25, 0.0625, 0x1F, -1, -1, true},
      {"float6-e2m3", 2, 3, 1, 7.5, 1, 0.125, 0x1F, -1, -1, true},
      {"float4-e2m1", 2, 1, 1, 6, 1, 0.5, 0x7, -1, -1, true},
  };
  for (const PublishedFormat& format : kFormats) {
    if (format.name == name) return format;
  }
  fail("no specification of {}: add its row here", name);
}

class FormatOracle {
 public:
  explicit FormatOracle(std::string_view name) : format_(published(name)) {
    // The values of the codes from 0 to the largest finite one, and the one that would come next.
    for (unsigned code = 0; code <= format_.largest_code + 1; ++code) {
      const auto exponent = static_cast<int>(code >> format_.fraction_bits);
      const unsigned fraction = code & ((1U << format_.fraction_bits) - 1);
      const unsigned one = exponent == 0 ? 0 : 1U << format_.fraction_bits;
      values_.push_back(
          std::ldexp(one + fraction, std::max(exponent, 1) - format_.bias - format_.fraction_bits));
    }
  }

  const PublishedFormat& format() const { return format_; }
  const std::vector<double>& values() const { return values_; }
  unsigned sign_bit() const { return 1U << (format_.exponent_bits + format_.fraction_bits); }

  // The code of |number| without a sign, by search among all values. No NaN; not stochastic.
  unsigned magnitude_code(float number, const CastMode& mode) const {
    const double size = std::abs(double{number});
    const unsigned last = format_.largest_code;
    const unsigned saturated = mode.overflow == Overflow::kSaturate ? last : non_finite();
    if (std::isinf(size)) return mode.infinity == Infinity::kAsOverflow ? saturated : non_finite();
    const auto above = std::lower_bound(values_.begin(), values_.end(), size);
    auto code = static_cast<unsigned>(above - values_.begin());
    const bool exact = above != values_.end() && *above == size;
    if (mode.rounding == Rounding::kTowardZero) return std::min(exact ? code : code - 1, last);
    if (above == values_.end()) return saturated;
    if (!exact) {
      const double up = *above - size;
      const double down = size - values_[code - 1];
      if (down < up || (down == up && code % 2 == 1)) --code;
    }
    return code > last ? saturated : code;
  }

  // The same with its sign.
  unsigned code(float number, const CastMode& mode) const {
    return signed_code(magnitude_code(number, mode), std::signbit(number));
  }
  unsigned signed_code(unsigned magnitude, bool negative) const {
    if (!format_.negative_zero && (magnitude == 0 || magnitude >= sign_bit())) return magnitude;
    return magnitude | (negative ? sign_bit() : 0U);
  }

  // The lower ends of the runs of FP32's positive bit patterns, infinity included, that have one code, as
  // magnitude_code() gives them: codes never fall as values rise.
  struct Run {
    std::uint32_t begin;
    unsigned code;
  };
  std::vector<Run> runs(const CastMode& mode) const {
    const auto code_at = [&](std::uint32_t bits) { return magnitude_code(std::bit_cast<float>(bits), mode); };
    constexpr std::uint32_t kEnd = 0x7F800000U;  // infinity has a run of its own
    std::vector<Run> runs{{0, code_at(0)}};
    while (runs.back().code != code_at(kEnd - 1)) {
      std::uint32_t low = runs.back().begin;
      std::uint32_t high = kEnd - 1;
      while (high - low > 1) {
        const std::uint32_t middle = low + (high - low) / 2;
        (code_at(middle) == runs.back().code ? low : high) = middle;
      }
      runs.push_back({high, code_at(high)});
    }
    runs.push_back({kEnd, code_at(kEnd)});
    return runs;
  }

 private:
  unsigned non_finite() const {
    if (format_.infinity >= 0) return static_cast<unsigned>(format_.infinity);
    return format_.nan >= 0 ? static_cast<unsigned>(format_.nan) : format_.largest_code;
  }

  PublishedFormat format_;
  std::vector<double> values_;
};

// Every deterministic mode.
inline std::vector<CastMode> deterministic_modes() {
  std::vector<CastMode> modes;
  for (const Rounding rounding : {Rounding::kNearestEven, Rounding::kTowardZero}) {
    for (const Overflow overflow : {Overflow::kNonFinite, Overflow::kSaturate}) {
      for (const Infinity infinity : {Infinity::kAsOverflow, Infinity::kNonFinite}) {
        modes.push_back({.rounding = rounding, .overflow = overflow, .infinity = infinity});
      }
    }
  }
  return modes;
}

inline std::string mode_name(const CastMode& mode) {
  const char* const roundings[] = {"to nearest even", "toward zero", "stochastic"};
  return fmt::format("{}, {}, infinity {}", roundings[static_cast<int>(mode.rounding)],
                     mode.overflow == Overflow::kSaturate ? "saturating" : "not saturating",
                     mode.infinity == Infinity::kAsOverflow ? "as overflow" : "not finite");
}

}  // namespace filigree::test
