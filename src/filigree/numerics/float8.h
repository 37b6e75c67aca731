// The 8-bit formats of the Open Compute Project (OCP 8-bit Floating Point Specification, revision 1.0;
// Micikevicius et al. 2022, arXiv 2209.05433).
//
// Implementations differ in what becomes of values that are too large. Here the constructor saturates, as
// ONNX's Cast does by default and as training in FP8 wants it: they, and infinities, become the largest
// finite value. With Overflow::kNonFinite they become infinity (E5M2) or NaN (E4M3, which has no
// infinities), as in ml_dtypes. Rounding comes first either way: up to and including 464, E4M3 gives 448.
// NaN stays NaN.
#pragma once

#include <concepts>

#include "filigree/numerics/float_format.h"

namespace filigree {

struct Float8E4M3Traits {
  static constexpr FloatFormat kFormat{
      .exponent_bits = 4, .fraction_bits = 3, .bias = 7, .has_infinity = false};
  static constexpr Overflow kOverflow = Overflow::kSaturate;
};
// E4M3FN: up to 448, for weights and activations.
using Float8E4M3 = SmallFloat<Float8E4M3Traits>;

struct Float8E5M2Traits {
  static constexpr FloatFormat kFormat{
      .exponent_bits = 5, .fraction_bits = 2, .bias = 15, .has_infinity = true};
  static constexpr Overflow kOverflow = Overflow::kSaturate;
};
// Up to 57344, for gradients.
using Float8E5M2 = SmallFloat<Float8E5M2Traits>;

template <typename T>
concept Float8 = std::same_as<T, Float8E4M3> || std::same_as<T, Float8E5M2>;

}  // namespace filigree
