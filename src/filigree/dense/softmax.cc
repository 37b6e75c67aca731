#include "filigree/dense/softmax.h"

#include "filigree/base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/dense/softmax.cc"
#include <hwy/foreach_target.h>
//
#include "filigree/dense/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace filigree::dense::HWY_NAMESPACE {
namespace {

// x <- softmax(scale * x), row by row.
template <typename T>
HWY_INLINE void SoftmaxRows(const MatrixView<T>& x, T scale) {
  for (std::int64_t r = 0; r < x.rows; ++r) {
    T* row = x.data + r * x.stride;
    const T sum = ExpRow(row, x.columns, scale, RowMax<T>(row, x.columns));
    ScaleRow(row, x.columns, T(1) / sum);
  }
}

// dscores <- scale * p * (dp - sum(p * dp)), row by row, in place of dp.
template <typename T>
HWY_INLINE void SoftmaxBackwardRows(const MatrixView<const T>& p, const MatrixView<T>& dp, T scale) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t n = p.columns;
  for (std::int64_t r = 0; r < p.rows; ++r) {
    const T* p_row = p.data + r * p.stride;
    T* dp_row = dp.data + r * dp.stride;
    auto dot = hn::Zero(d);
    for (std::int64_t i = 0; i < n; i += lanes) {
      dot = hn::MulAdd(LoadPart(d, p_row + i, n - i), LoadPart(d, dp_row + i, n - i), dot);
    }
    const auto shift = hn::Set(d, Sum(d, dot));
    const auto scale_v = hn::Set(d, scale);
    for (std::int64_t i = 0; i < n; i += lanes) {
      const auto centred = hn::Sub(LoadPart(d, dp_row + i, n - i), shift);
      StorePart(hn::Mul(hn::Mul(LoadPart(d, p_row + i, n - i), scale_v), centred), d, dp_row + i, n - i);
    }
  }
}

void SoftmaxF32(const MatrixView<float>& x, float scale) { SoftmaxRows(x, scale); }
void SoftmaxF64(const MatrixView<double>& x, double scale) { SoftmaxRows(x, scale); }
void SoftmaxBackwardF32(const MatrixView<const float>& p, const MatrixView<float>& dp, float scale) {
  SoftmaxBackwardRows(p, dp, scale);
}
void SoftmaxBackwardF64(const MatrixView<const double>& p, const MatrixView<double>& dp, double scale) {
  SoftmaxBackwardRows(p, dp, scale);
}

}  // namespace
}  // namespace filigree::dense::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace filigree::dense {
namespace {

HWY_EXPORT(SoftmaxF32);
HWY_EXPORT(SoftmaxF64);
HWY_EXPORT(SoftmaxBackwardF32);
HWY_EXPORT(SoftmaxBackwardF64);

auto softmax_kernel(float) { return FILIGREE_SIMD(SoftmaxF32); }
auto softmax_kernel(double) { return FILIGREE_SIMD(SoftmaxF64); }
auto softmax_backward_kernel(float) { return FILIGREE_SIMD(SoftmaxBackwardF32); }
auto softmax_backward_kernel(double) { return FILIGREE_SIMD(SoftmaxBackwardF64); }

}  // namespace

template <typename T>
void softmax_rows(MatrixView<T> x, T scale) {
  softmax_kernel(T{})(x, scale);
}

template <typename T>
void softmax_rows_backward(MatrixView<const T> p, MatrixView<T> dp, T scale) {
  softmax_backward_kernel(T{})(p, dp, scale);
}

template void softmax_rows<float>(MatrixView<float>, float);
template void softmax_rows<double>(MatrixView<double>, double);
template void softmax_rows_backward<float>(MatrixView<const float>, MatrixView<float>, float);
template void softmax_rows_backward<double>(MatrixView<const double>, MatrixView<double>, double);

}  // namespace filigree::dense
#endif
