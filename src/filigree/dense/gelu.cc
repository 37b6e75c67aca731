#include "filigree/dense/gelu.h"

#include "filigree/base/simd.h"
#include "filigree/dense/column_sum.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/dense/gelu.cc"
#include <hwy/foreach_target.h>
//
#include "filigree/dense/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace filigree::dense::HWY_NAMESPACE {
namespace {

template <typename T>
HWY_INLINE void Forward(const T* x, const T* bias, T* y, T factor, std::int64_t n) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t i = 0; i < n; i += lanes) {
    auto v = LoadPart(d, x + i, n - i);
    if (bias != nullptr) v = hn::Add(v, LoadPart(d, bias + i, n - i));
    const auto scaled = hn::Mul(v, hn::Set(d, factor));
    StorePart(hn::Mul(scaled, Normal(d, v).cdf), d, y + i, n - i);
  }
}

template <typename T>
HWY_INLINE void Backward(const T* dy, const T* x, const T* bias, T* dx, T* sums, T factor, std::int64_t n) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t i = 0; i < n; i += lanes) {
    auto v = LoadPart(d, x + i, n - i);
    if (bias != nullptr) v = hn::Add(v, LoadPart(d, bias + i, n - i));
    const auto normal = Normal(d, v);
    const auto slope = hn::MulAdd(v, normal.pdf, normal.cdf);
    const auto scaled = hn::Mul(LoadPart(d, dy + i, n - i), hn::Set(d, factor));
    const auto g = hn::Mul(scaled, slope);
    StorePart(g, d, dx + i, n - i);
    StorePart(hn::Add(LoadPart(d, sums + i, n - i), g), d, sums + i, n - i);
  }
}

void ForwardF32(const float* x, const float* bias, float* y, float factor, std::int64_t n) {
  Forward(x, bias, y, factor, n);
}
void ForwardF64(const double* x, const double* bias, double* y, double factor, std::int64_t n) {
  Forward(x, bias, y, factor, n);
}
void BackwardF32(const float* dy, const float* x, const float* bias, float* dx, float* sums, float factor,
                 std::int64_t n) {
  Backward(dy, x, bias, dx, sums, factor, n);
}
void BackwardF64(const double* dy, const double* x, const double* bias, double* dx, double* sums,
                 double factor, std::int64_t n) {
  Backward(dy, x, bias, dx, sums, factor, n);
}

}  // namespace
}  // namespace filigree::dense::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace filigree::dense {
namespace {

HWY_EXPORT(ForwardF32);
HWY_EXPORT(ForwardF64);
HWY_EXPORT(BackwardF32);
HWY_EXPORT(BackwardF64);

auto forward_kernel(float) { return FILIGREE_SIMD(ForwardF32); }
auto forward_kernel(double) { return FILIGREE_SIMD(ForwardF64); }
auto backward_kernel(float) { return FILIGREE_SIMD(BackwardF32); }
auto backward_kernel(double) { return FILIGREE_SIMD(BackwardF64); }

constexpr std::int64_t kRowsPerTask = 16;

}  // namespace

template <typename T>
void bias_gelu(MatrixView<const T> x, const T* bias, MatrixView<T> y, std::type_identity_t<T> factor) {
  const auto kernel = forward_kernel(T{});
  parallel_chunks(x.rows, kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) kernel(x.row(r), bias, y.row(r), factor, x.columns);
  });
}

template <typename T>
void bias_gelu_backward(MatrixView<const T> dy, MatrixView<const T> x, const T* bias, MatrixView<T> dx,
                        T* dbias, std::type_identity_t<T> factor) {
  const auto kernel = backward_kernel(T{});
  for_rows_with_sums(x.rows, x.columns, dbias, [&](std::int64_t begin, std::int64_t end, T* sums) {
    for (std::int64_t r = begin; r < end; ++r) {
      kernel(dy.row(r), x.row(r), bias, dx.row(r), sums, factor, x.columns);
    }
  });
}

template void bias_gelu(MatrixView<const float>, const float*, MatrixView<float>, float);
template void bias_gelu(MatrixView<const double>, const double*, MatrixView<double>, double);
template void bias_gelu_backward(MatrixView<const float>, MatrixView<const float>, const float*,
                                 MatrixView<float>, float*, float);
template void bias_gelu_backward(MatrixView<const double>, MatrixView<const double>, const double*,
                                 MatrixView<double>, double*, double);

}  // namespace filigree::dense
#endif
