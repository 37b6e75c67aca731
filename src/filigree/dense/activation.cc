#include "filigree/dense/activation.h"

#include "filigree/base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/dense/activation.cc"
#include <hwy/foreach_target.h>
//
#include "filigree/dense/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace filigree::dense::HWY_NAMESPACE {
namespace {

// Each is a function of a vector.
struct Relu {
  template <class D>
  static HWY_INLINE hn::Vec<D> Of(D d, hn::Vec<D> x) {
    return hn::IfThenZeroElse(hn::Lt(x, hn::Zero(d)), x);
  }
};

struct Gelu {
  template <class D>
  static HWY_INLINE hn::Vec<D> Of(D d, hn::Vec<D> x) {
    return hn::Mul(x, Normal(d, x).cdf);
  }
};

struct Silu {
  template <class D>
  static HWY_INLINE hn::Vec<D> Of(D d, hn::Vec<D> x) {
    using T = hn::TFromD<D>;
    // Below -87 the result is less than a rounding of 0 away from it, and exp would overflow.
    const auto e = ExpOf(d, hn::Min(hn::Neg(x), hn::Set(d, T(87))));
    return hn::Div(x, hn::Add(hn::Set(d, T(1)), e));
  }
};

template <class Function, typename T>
HWY_INLINE void Apply(T* x, std::int64_t n) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t i = 0; i < n; i += lanes) {
    StorePart(Function::Of(d, LoadPart(d, x + i, n - i)), d, x + i, n - i);
  }
}

void ReluF32(float* x, std::int64_t n) { Apply<Relu>(x, n); }
void ReluF64(double* x, std::int64_t n) { Apply<Relu>(x, n); }
void GeluF32(float* x, std::int64_t n) { Apply<Gelu>(x, n); }
void GeluF64(double* x, std::int64_t n) { Apply<Gelu>(x, n); }
void SiluF32(float* x, std::int64_t n) { Apply<Silu>(x, n); }
void SiluF64(double* x, std::int64_t n) { Apply<Silu>(x, n); }

}  // namespace
}  // namespace filigree::dense::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace filigree::dense {
namespace {

HWY_EXPORT(ReluF32);
HWY_EXPORT(ReluF64);
HWY_EXPORT(GeluF32);
HWY_EXPORT(GeluF64);
HWY_EXPORT(SiluF32);
HWY_EXPORT(SiluF64);

}  // namespace

template <>
ActivationKernel<float> activation_kernel<float>(Activation activation) {
  switch (activation) {
    case Activation::kRelu: return FILIGREE_SIMD(ReluF32);
    case Activation::kGelu: return FILIGREE_SIMD(GeluF32);
    case Activation::kSilu: return FILIGREE_SIMD(SiluF32);
    case Activation::kNone: break;
  }
  return nullptr;
}

template <>
ActivationKernel<double> activation_kernel<double>(Activation activation) {
  switch (activation) {
    case Activation::kRelu: return FILIGREE_SIMD(ReluF64);
    case Activation::kGelu: return FILIGREE_SIMD(GeluF64);
    case Activation::kSilu: return FILIGREE_SIMD(SiluF64);
    case Activation::kNone: break;
  }
  return nullptr;
}

}  // namespace filigree::dense
#endif
