// exp and the normal distribution, once per target. Include after <hwy/highway.h> in a file that
// foreach_target.h compiles.
#if defined(FILIGREE_DENSE_EXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FILIGREE_DENSE_EXP_INL_H_
#undef FILIGREE_DENSE_EXP_INL_H_
#else
#define FILIGREE_DENSE_EXP_INL_H_
#endif

#include <cmath>

#include "filigree/dense/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace filigree::dense::HWY_NAMESPACE {

// exp(x + rest) for x <= 88, where rest corrects x below its last place. NaN stays NaN (Highway's Exp
// makes it 0, which would hide it from a loss); results below the normal numbers are 0.
// exp(x) = 2^n exp(r) with n = round(x / ln 2); exp(r) on |r| <= ln 2 / 2 is a polynomial of degree 6
// fitted here to a relative error of 3e-9.
template <class D>
requires(sizeof(hn::TFromD<D>) == 4) HWY_INLINE hn::Vec<D> ExpOfSum(D d, hn::Vec<D> x, hn::Vec<D> rest) {
  using V = hn::Vec<D>;
  // Adding 1.5 * 2^23 rounds to an integer in the low bits; 127 more is the exponent's bias.
  const V to_integer = hn::Set(d, 12582912.0F + 127.0F);
  const V one = hn::Set(d, 1.0F);
  const V shifted = hn::MulAdd(x, hn::Set(d, 1.44269504F), to_integer);
  const V n = hn::Sub(shifted, to_integer);
  // ln 2 in two parts, the first short enough that n times it is exact.
  V r = hn::NegMulAdd(n, hn::Set(d, 0.693145751953125F), x);
  r = hn::NegMulAdd(n, hn::Set(d, 1.42860677e-6F), hn::Add(r, rest));
  V p = hn::Set(d, 1.38146106e-3F);
  p = hn::MulAdd(p, r, hn::Set(d, 8.36871099e-3F));
  p = hn::MulAdd(p, r, hn::Set(d, 4.16683890e-2F));
  p = hn::MulAdd(p, r, hn::Set(d, 0.166665211F));
  p = hn::MulAdd(p, r, hn::Set(d, 0.499999940F));
  p = hn::MulAdd(p, r, one);
  p = hn::MulAdd(p, r, one);
  const hn::RebindToUnsigned<D> bits;
  const V power = hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(bits, shifted)));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -87.3365F)), hn::Mul(p, power));
}

// exp(x) for x <= 88.
template <class D>
requires(sizeof(hn::TFromD<D>) == 4) HWY_INLINE hn::Vec<D> ExpOf(D d, hn::Vec<D> x) {
  return ExpOfSum(d, x, hn::Zero(d));
}

// double serves gradient checks: the C library's exp, lane by lane.
template <class D>
requires(sizeof(hn::TFromD<D>) == 8) HWY_INLINE hn::Vec<D> ExpOf(D d, hn::Vec<D> x) {
  HWY_ALIGN double lanes[HWY_MAX_BYTES / sizeof(double)];
  hn::Store(x, d, lanes);
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) lanes[i] = ::exp(lanes[i]);
  return hn::Load(d, lanes);
}

// 1 / x for x in [1, 100], to about an ulp: the CPU's estimate and one Newton step, several times as
// fast as a division of a whole vector.
template <class D>
HWY_INLINE hn::Vec<D> Reciprocal(D d, hn::Vec<D> x) {
  const auto guess = hn::ApproximateReciprocal(x);
  return hn::MulAdd(guess, hn::NegMulAdd(x, guess, hn::Set(d, hn::TFromD<D>(1))), guess);
}

// The normal distribution's density and cumulative distribution.
template <class V>
struct NormalPair {
  V pdf;
  V cdf;
};

// float: Phi(-a) = exp(-a^2 / 2) t P(t), t = 1 / (1 + 0.305 a), P of degree 7 fitted here to a relative
// error of 1e-7. The lower tail keeps its relative accuracy (measured on [-12, 0]: below 6e-7), for
// which exp needs more digits of a^2 than float has.
template <class D>
requires(sizeof(hn::TFromD<D>) == 4) HWY_INLINE NormalPair<hn::Vec<D>> Normal(D d, hn::Vec<D> x) {
  using V = hn::Vec<D>;
  const V one = hn::Set(d, 1.0F);
  // -x^2 / 2 as the sum of two numbers; halving is exact.
  const V minus_half = hn::Set(d, -0.5F);
#if HWY_NATIVE_FMA
  const V half_x = hn::Mul(x, minus_half);
  const V square = hn::Mul(x, half_x);
  const V rest = hn::MulSub(x, half_x, square);
#else
  // The upper half of x's digits has an exact square.
  const hn::RebindToUnsigned<D> bits;
  const V upper = hn::And(x, hn::BitCast(d, hn::Set(bits, 0xFFFFF000U)));
  const V square = hn::Mul(hn::Mul(upper, upper), minus_half);
  const V rest = hn::Mul(hn::Mul(hn::Sub(x, upper), hn::Add(x, upper)), minus_half);
#endif
  const V e = ExpOfSum(d, square, rest);
  // Beyond 20 the exponential is 0; the bound keeps infinity out of the reciprocal's refinement.
  const V a = hn::Min(hn::Abs(x), hn::Set(d, 20.0F));
  const V t = Reciprocal(d, hn::MulAdd(a, hn::Set(d, 0.305F), one));
  V p = hn::Set(d, 3.66990380e-2F);
  p = hn::MulAdd(p, t, hn::Set(d, -0.152987689F));
  p = hn::MulAdd(p, t, hn::Set(d, 0.185715809F));
  p = hn::MulAdd(p, t, hn::Set(d, -3.79757956e-2F));
  p = hn::MulAdd(p, t, hn::Set(d, 0.121021114F));
  p = hn::MulAdd(p, t, hn::Set(d, 0.103421047F));
  p = hn::MulAdd(p, t, hn::Set(d, 0.122466788F));
  p = hn::MulAdd(p, t, hn::Set(d, 0.121639736F));
  const V lower = hn::Mul(hn::Mul(p, t), e);
  const V cdf = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), lower, hn::Sub(one, lower));
  return {hn::Mul(e, hn::Set(d, 0.39894228F)), cdf};
}

// double: the C library's erfc.
template <class D>
requires(sizeof(hn::TFromD<D>) == 8) HWY_INLINE NormalPair<hn::Vec<D>> Normal(D d, hn::Vec<D> x) {
  HWY_ALIGN double in[HWY_MAX_BYTES / sizeof(double)];
  HWY_ALIGN double pdf[HWY_MAX_BYTES / sizeof(double)];
  HWY_ALIGN double cdf[HWY_MAX_BYTES / sizeof(double)];
  hn::Store(x, d, in);
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) {
    pdf[i] = 0.39894228040143267794 * ::exp(-0.5 * in[i] * in[i]);
    cdf[i] = 0.5 * ::erfc(-in[i] * 0.70710678118654752440);
  }
  return {hn::Load(d, pdf), hn::Load(d, cdf)};
}

}  // namespace filigree::dense::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
