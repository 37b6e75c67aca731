// The formats of 6 and 4 bits of OCP's Microscaling Formats (MX) Specification, version 1.0: elements of
// blocks that share a scale (mx.h). They have neither infinity nor NaN: infinities and values beyond the
// largest become the largest, and so does NaN. One code a byte, in its lower bits.
#pragma once

#include "filigree/numerics/float_format.h"

namespace filigree {

struct Float6E3M2Traits {
  static constexpr FloatFormat kFormat{
      .exponent_bits = 3, .fraction_bits = 2, .bias = 3, .specials = Specials::kNone};
  static constexpr CastMode kMode{.overflow = Overflow::kSaturate};
};
// Up to 28.
using Float6E3M2 = SmallFloat<Float6E3M2Traits>;

struct Float6E2M3Traits {
  static constexpr FloatFormat kFormat{
      .exponent_bits = 2, .fraction_bits = 3, .bias = 1, .specials = Specials::kNone};
  static constexpr CastMode kMode{.overflow = Overflow::kSaturate};
};
// Up to 7.5.
using Float6E2M3 = SmallFloat<Float6E2M3Traits>;

struct Float4E2M1Traits {
  static constexpr FloatFormat kFormat{
      .exponent_bits = 2, .fraction_bits = 1, .bias = 1, .specials = Specials::kNone};
  static constexpr CastMode kMode{.overflow = Overflow::kSaturate};
};
// 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives.
using Float4E2M1 = SmallFloat<Float4E2M1Traits>;

}  // namespace filigree
