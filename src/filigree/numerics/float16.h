// Float16: IEEE 754 binary16, with 5 bits of exponent and 10 of fraction.
#pragma once

#include "filigree/numerics/float_format.h"

namespace filigree {

struct Float16Traits {
  static constexpr FloatFormat kFormat{
      .exponent_bits = 5, .fraction_bits = 10, .bias = 15, .specials = Specials::kIeee};
  static constexpr CastMode kMode{};
};
// Float16(float): to nearest, ties to even; 65520 and beyond to infinity.
using Float16 = SmallFloat<Float16Traits>;

}  // namespace filigree
