// The formats of 8 bits: those of the Open Compute Project (OCP 8-bit Floating Point Specification, revision
// 1.0; Micikevicius et al. 2022, arXiv 2209.05433), their variants without negative zero (Noune et al. 2022,
// arXiv 2206.02915; Graphcore and AMD), and E4M3 as IEEE 754 would have it.
//
// Implementations differ in what becomes of values that are too large. Here the constructors of the first
// four saturate, as ONNX's Cast does by default and as training in FP8 wants it: finite values become the
// largest one, and so do infinities in OCP's two formats; the variants make NaN of them. All of that can be
// had otherwise (CastMode); Overflow::kNonFinite gives what ml_dtypes gives. Rounding comes first either way:
// up to and including 464, E4M3 gives 448. NaN stays NaN.
#pragma once

#include <concepts>

#include "filigree/numerics/float_format.h"

namespace filigree {

struct Float8E4M3Traits {
  static constexpr FloatFormat kFormat{
      .exponent_bits = 4, .fraction_bits = 3, .bias = 7, .specials = Specials::kNan};
  static constexpr CastMode kMode{.overflow = Overflow::kSaturate};
};
// E4M3FN: up to 448, for weights and activations.
using Float8E4M3 = SmallFloat<Float8E4M3Traits>;

struct Float8E5M2Traits {
  static constexpr FloatFormat kFormat{
      .exponent_bits = 5, .fraction_bits = 2, .bias = 15, .specials = Specials::kIeee};
  static constexpr CastMode kMode{.overflow = Overflow::kSaturate};
};
// Up to 57344, for gradients.
using Float8E5M2 = SmallFloat<Float8E5M2Traits>;

struct Float8E4M3FnuzTraits {
  static constexpr FloatFormat kFormat{
      .exponent_bits = 4, .fraction_bits = 3, .bias = 8, .specials = Specials::kNegativeZeroNan};
  static constexpr CastMode kMode{.overflow = Overflow::kSaturate, .infinity = Infinity::kNonFinite};
};
// "143": up to 240.
using Float8E4M3Fnuz = SmallFloat<Float8E4M3FnuzTraits>;

struct Float8E5M2FnuzTraits {
  static constexpr FloatFormat kFormat{
      .exponent_bits = 5, .fraction_bits = 2, .bias = 16, .specials = Specials::kNegativeZeroNan};
  static constexpr CastMode kMode{.overflow = Overflow::kSaturate, .infinity = Infinity::kNonFinite};
};
// "152": up to 57344, with subnormals half as large as those of E5M2.
using Float8E5M2Fnuz = SmallFloat<Float8E5M2FnuzTraits>;

struct Float8E4M3IeeeTraits {
  static constexpr FloatFormat kFormat{
      .exponent_bits = 4, .fraction_bits = 3, .bias = 7, .specials = Specials::kIeee};
  static constexpr CastMode kMode{};
};
// With infinities: up to 240. Its constructor overflows to them, as IEEE 754's formats do.
using Float8E4M3Ieee = SmallFloat<Float8E4M3IeeeTraits>;

// Those that training and products use.
template <typename T>
concept Float8 = std::same_as<T, Float8E4M3> || std::same_as<T, Float8E5M2>;

}  // namespace filigree
