#include "filigree/dense/adamw.h"

#include <cmath>

#include "filigree/base/parallel.h"
#include "filigree/base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/dense/adamw.cc"
#include <hwy/foreach_target.h>
//
#include "filigree/dense/simd-inl.h"

#ifndef FILIGREE_DENSE_ADAMW_FACTORS_
#define FILIGREE_DENSE_ADAMW_FACTORS_
namespace filigree::dense {
namespace {

// The step's constants, folded once in double.
template <typename T>
struct AdamWFactors {
  explicit AdamWFactors(const AdamWStep& s)
      : scale(static_cast<T>(s.gradient_scale)),
        beta1(static_cast<T>(s.beta1)),
        one_minus_beta1(static_cast<T>(1 - s.beta1)),
        beta2(static_cast<T>(s.beta2)),
        one_minus_beta2(static_cast<T>(1 - s.beta2)),
        keep(static_cast<T>(1 - s.learning_rate * s.weight_decay)),
        inverse_root_correction2(
            static_cast<T>(1 / std::sqrt(1 - std::pow(s.beta2, static_cast<double>(s.step))))),
        epsilon(static_cast<T>(s.epsilon)),
        rate(static_cast<T>(s.learning_rate / (1 - std::pow(s.beta1, static_cast<double>(s.step))))) {}
  T scale, beta1, one_minus_beta1, beta2, one_minus_beta2, keep, inverse_root_correction2, epsilon, rate;
};

}  // namespace
}  // namespace filigree::dense
#endif

HWY_BEFORE_NAMESPACE();
namespace filigree::dense::HWY_NAMESPACE {
namespace {

template <typename T>
HWY_INLINE void Update(const AdamWFactors<T>& f, const T* g_in, T* w_io, T* m_io, T* v_io, std::int64_t n) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t i = 0; i < n; i += lanes) {
    const auto g = hn::Mul(LoadPart(d, g_in + i, n - i), hn::Set(d, f.scale));
    const auto m = hn::MulAdd(LoadPart(d, m_io + i, n - i), hn::Set(d, f.beta1),
                              hn::Mul(g, hn::Set(d, f.one_minus_beta1)));
    const auto v = hn::MulAdd(LoadPart(d, v_io + i, n - i), hn::Set(d, f.beta2),
                              hn::Mul(hn::Mul(g, g), hn::Set(d, f.one_minus_beta2)));
    const auto root = hn::MulAdd(hn::Sqrt(v), hn::Set(d, f.inverse_root_correction2), hn::Set(d, f.epsilon));
    const auto w = hn::Mul(LoadPart(d, w_io + i, n - i), hn::Set(d, f.keep));
    StorePart(hn::NegMulAdd(hn::Set(d, f.rate), hn::Div(m, root), w), d, w_io + i, n - i);
    StorePart(m, d, m_io + i, n - i);
    StorePart(v, d, v_io + i, n - i);
  }
}

void UpdateF32(const AdamWFactors<float>& f, const float* g, float* w, float* m, float* v, std::int64_t n) {
  Update(f, g, w, m, v, n);
}
void UpdateF64(const AdamWFactors<double>& f, const double* g, double* w, double* m, double* v,
               std::int64_t n) {
  Update(f, g, w, m, v, n);
}

}  // namespace
}  // namespace filigree::dense::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace filigree::dense {
namespace {

HWY_EXPORT(UpdateF32);
HWY_EXPORT(UpdateF64);

auto update_kernel(float) { return FILIGREE_SIMD(UpdateF32); }
auto update_kernel(double) { return FILIGREE_SIMD(UpdateF64); }

constexpr std::int64_t kElementsPerTask = 16384;

}  // namespace

template <typename T>
void adamw(const AdamWStep& step, const T* gradient, T* weight, T* first_moment, T* second_moment,
           std::int64_t count) {
  const AdamWFactors<T> factors(step);
  const auto kernel = update_kernel(T{});
  parallel_chunks(count, kElementsPerTask, [&](std::int64_t begin, std::int64_t end) {
    kernel(factors, gradient + begin, weight + begin, first_moment + begin, second_moment + begin,
           end - begin);
  });
}

template void adamw(const AdamWStep&, const float*, float*, float*, float*, std::int64_t);
template void adamw(const AdamWStep&, const double*, double*, double*, double*, std::int64_t);

}  // namespace filigree::dense
#endif
