// What the SIMD kernels of this module share, once per target: partial vectors and the functions
// that Highway lacks. Include after <hwy/highway.h> in a file that foreach_target.h compiles.
#if defined(FILIGREE_DENSE_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FILIGREE_DENSE_SIMD_INL_H_
#undef FILIGREE_DENSE_SIMD_INL_H_
#else
#define FILIGREE_DENSE_SIMD_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <cmath>
#include <cstdint>
#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace filigree::dense::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Loads min(N, remaining) lanes; the others are zero.
template <class D, typename T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> LoadPart(D d, const T* p, std::int64_t remaining) {
  if (HWY_LIKELY(remaining >= static_cast<std::int64_t>(hn::Lanes(d)))) return hn::LoadU(d, p);
  return hn::MaskedLoad(hn::FirstN(d, static_cast<std::size_t>(remaining)), d, p);
}

template <class D, typename T = hn::TFromD<D>>
HWY_INLINE void StorePart(hn::Vec<D> v, D d, T* p, std::int64_t remaining) {
  if (HWY_LIKELY(remaining >= static_cast<std::int64_t>(hn::Lanes(d)))) {
    hn::StoreU(v, d, p);
  } else {
    hn::BlendedStore(v, hn::FirstN(d, static_cast<std::size_t>(remaining)), d, p);
  }
}

// The normal distribution's density and cumulative distribution.
// float: erfc(z) = exp(-z^2) t P(t), t = 1 / (1 + 0.3 z), P of degree 8 fitted here to a relative
// error of 2e-8, so the lower tail keeps its relative accuracy (measured: below 6e-7).
template <class V>
struct NormalPair {
  V pdf;
  V cdf;
};

template <class D>
  requires(sizeof(hn::TFromD<D>) == 4)
HWY_INLINE NormalPair<hn::Vec<D>> Normal(D d, hn::Vec<D> x) {
  using V = hn::Vec<D>;
  const V one = hn::Set(d, 1.0F);
  const V z = hn::Mul(hn::Abs(x), hn::Set(d, 0.70710678118654752F));
  const V t = hn::Div(one, hn::MulAdd(z, hn::Set(d, 0.3F), one));
  const V e = hn::Exp(d, hn::Neg(hn::Mul(z, z)));
  V p = hn::Set(d, -0.12952397763729095F);
  p = hn::MulAdd(p, t, hn::Set(d, 0.4855685234069824F));
  p = hn::MulAdd(p, t, hn::Set(d, -0.51228928565979F));
  p = hn::MulAdd(p, t, hn::Set(d, 0.5477331280708313F));
  p = hn::MulAdd(p, t, hn::Set(d, -0.09466000646352768F));
  p = hn::MulAdd(p, t, hn::Set(d, 0.21493010222911835F));
  p = hn::MulAdd(p, t, hn::Set(d, 0.14833810925483704F));
  p = hn::MulAdd(p, t, hn::Set(d, 0.17071537673473358F));
  p = hn::MulAdd(p, t, hn::Set(d, 0.169187992811203F));
  const V lower = hn::Mul(hn::Mul(hn::Mul(p, t), e), hn::Set(d, 0.5F));  // Phi(-|x|)
  const V cdf = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), lower, hn::Sub(one, lower));
  return {hn::Mul(e, hn::Set(d, 0.39894228040143268F)), cdf};
}

// double serves gradient checks: the C library's erfc, lane by lane.
template <class D>
  requires(sizeof(hn::TFromD<D>) == 8)
HWY_INLINE NormalPair<hn::Vec<D>> Normal(D d, hn::Vec<D> x) {
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

// exp: Highway's for float; for double the C library's, exact enough for finite differences.
template <class D>
  requires(sizeof(hn::TFromD<D>) == 4)
HWY_INLINE hn::Vec<D> ExpOf(D d, hn::Vec<D> x) {
  return hn::Exp(d, x);
}
template <class D>
  requires(sizeof(hn::TFromD<D>) == 8)
HWY_INLINE hn::Vec<D> ExpOf(D d, hn::Vec<D> x) {
  HWY_ALIGN double lanes[HWY_MAX_BYTES / sizeof(double)];
  hn::Store(x, d, lanes);
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) lanes[i] = ::exp(lanes[i]);
  return hn::Load(d, lanes);
}

template <class D>
HWY_INLINE hn::TFromD<D> Sum(D d, hn::Vec<D> v) {
  return hn::GetLane(hn::SumOfLanes(d, v));
}

}  // namespace filigree::dense::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
