// BFloat16: FP32's upper half (sign, 8 bits of exponent, 7 of fraction).
#pragma once

#include "filigree/numerics/float_format.h"

namespace filigree {

struct BFloat16Traits {
  static constexpr FloatFormat kFormat{
      .exponent_bits = 8, .fraction_bits = 7, .bias = 127, .specials = Specials::kIeee};
  static constexpr CastMode kMode{};
};
// BFloat16(float): to nearest, ties to even; beyond the largest finite value to infinity. Its subnormals are
// FP32's, and rounded to as any value.
using BFloat16 = SmallFloat<BFloat16Traits>;

}  // namespace filigree
