#include "filigree/dense/layer_norm.h"

#include <cmath>

#include "filigree/base/simd.h"
#include "filigree/dense/column_sum.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/dense/layer_norm.cc"
#include <hwy/foreach_target.h>
//
#include "filigree/dense/simd-inl.h"

#ifndef FILIGREE_DENSE_LAYER_NORM_ROWS_
#define FILIGREE_DENSE_LAYER_NORM_ROWS_
namespace filigree::dense {
namespace {

template <typename T>
struct NormRow {
  const T* x;
  const T* bias;
  const T* residual;
  const T* gamma;
  const T* beta;
  T epsilon;
  T branch_factor;
  T residual_factor;
  T* sum;
  T* y;
  T* mean;
  T* rstd;
};

template <typename T>
struct NormBackwardRow {
  const T* dy;
  const T* dsum_in;
  const T* sum;
  const T* gamma;
  T mean;
  T rstd;
  T branch_factor;
  T residual_factor;
  T* dx;
  T* dresidual;
  T* dgamma;
  T* dbeta;
  T* dbias;
};

}  // namespace
}  // namespace filigree::dense
#endif

HWY_BEFORE_NAMESPACE();
namespace filigree::dense::HWY_NAMESPACE {
namespace {

// Mean first, then the variance around it: two passes over a row that is in L1, no cancellation.
template <typename T>
HWY_INLINE void Forward(const NormRow<T>& row, std::int64_t n) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto branch = hn::Set(d, row.branch_factor);
  const auto residual = hn::Set(d, row.residual_factor);
  auto total = hn::Zero(d);
  for (std::int64_t i = 0; i < n; i += lanes) {
    auto v = LoadPart(d, row.x + i, n - i);
    if (row.bias != nullptr) v = hn::Add(v, LoadPart(d, row.bias + i, n - i));
    v = hn::Mul(v, branch);
    if (row.residual != nullptr) v = hn::MulAdd(LoadPart(d, row.residual + i, n - i), residual, v);
    StorePart(v, d, row.sum + i, n - i);
    total = hn::Add(total, v);
  }
  const T mean = Sum(d, total) / static_cast<T>(n);
  const auto mean_v = hn::Set(d, mean);
  auto squares = hn::Zero(d);
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto v = hn::Sub(hn::LoadU(d, row.sum + i), mean_v);
    squares = hn::MulAdd(v, v, squares);
  }
  T variance = Sum(d, squares);
  for (; i < n; ++i) variance += (row.sum[i] - mean) * (row.sum[i] - mean);
  const T rstd = T(1) / std::sqrt(variance / static_cast<T>(n) + row.epsilon);
  const auto rstd_v = hn::Set(d, rstd);
  for (i = 0; i < n; i += lanes) {
    const auto v = hn::Mul(hn::Sub(LoadPart(d, row.sum + i, n - i), mean_v), rstd_v);
    const auto y = hn::MulAdd(v, LoadPart(d, row.gamma + i, n - i), LoadPart(d, row.beta + i, n - i));
    StorePart(y, d, row.y + i, n - i);
  }
  *row.mean = mean;
  *row.rstd = rstd;
}

// With h = (sum - mean) rstd and g = dy gamma: dsum = rstd (g - mean(g) - h mean(g h)).
template <typename T>
HWY_INLINE void Backward(const NormBackwardRow<T>& row, std::int64_t n) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto mean = hn::Set(d, row.mean);
  const auto rstd = hn::Set(d, row.rstd);
  const auto branch = hn::Set(d, row.branch_factor);
  const auto residual = hn::Set(d, row.residual_factor);
  auto sum_g = hn::Zero(d);
  auto sum_gh = hn::Zero(d);
  for (std::int64_t i = 0; i < n; i += lanes) {
    const auto dy = LoadPart(d, row.dy + i, n - i);
    const auto h = hn::Mul(hn::Sub(LoadPart(d, row.sum + i, n - i), mean), rstd);
    const auto g = hn::Mul(dy, LoadPart(d, row.gamma + i, n - i));
    sum_g = hn::Add(sum_g, g);
    sum_gh = hn::MulAdd(g, h, sum_gh);
    StorePart(hn::MulAdd(dy, h, LoadPart(d, row.dgamma + i, n - i)), d, row.dgamma + i, n - i);
    StorePart(hn::Add(dy, LoadPart(d, row.dbeta + i, n - i)), d, row.dbeta + i, n - i);
  }
  const auto mean_g = hn::Set(d, Sum(d, sum_g) / static_cast<T>(n));
  const auto mean_gh = hn::Set(d, Sum(d, sum_gh) / static_cast<T>(n));
  for (std::int64_t i = 0; i < n; i += lanes) {
    const auto h = hn::Mul(hn::Sub(LoadPart(d, row.sum + i, n - i), mean), rstd);
    const auto g = hn::Mul(LoadPart(d, row.dy + i, n - i), LoadPart(d, row.gamma + i, n - i));
    auto ds = hn::Mul(rstd, hn::NegMulAdd(h, mean_gh, hn::Sub(g, mean_g)));
    if (row.dsum_in != nullptr) ds = hn::Add(ds, LoadPart(d, row.dsum_in + i, n - i));
    if (row.dresidual != nullptr) StorePart(hn::Mul(ds, residual), d, row.dresidual + i, n - i);
    const auto dx = hn::Mul(ds, branch);
    StorePart(dx, d, row.dx + i, n - i);
    StorePart(hn::Add(dx, LoadPart(d, row.dbias + i, n - i)), d, row.dbias + i, n - i);
  }
}

void ForwardF32(const NormRow<float>& row, std::int64_t n) { Forward(row, n); }
void ForwardF64(const NormRow<double>& row, std::int64_t n) { Forward(row, n); }
void BackwardF32(const NormBackwardRow<float>& row, std::int64_t n) { Backward(row, n); }
void BackwardF64(const NormBackwardRow<double>& row, std::int64_t n) { Backward(row, n); }

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
void add_layer_norm(MatrixView<const T> x, const T* bias, MatrixView<const T> residual, const T* gamma,
                    const T* beta, T epsilon, MatrixView<T> sum, MatrixView<T> y, T* mean, T* rstd,
                    const SumFactors& factors) {
  const auto kernel = forward_kernel(T{});
  parallel_chunks(x.rows, kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      kernel({x.row(r), bias, residual.data == nullptr ? nullptr : residual.row(r), gamma, beta, epsilon,
              static_cast<T>(factors.branch), static_cast<T>(factors.residual), sum.row(r), y.row(r),
              mean + r, rstd + r},
             x.columns);
    }
  });
}

template <typename T>
void add_layer_norm_backward(MatrixView<const T> dy, MatrixView<const T> dsum_in, MatrixView<const T> sum,
                             const T* gamma, const T* mean, const T* rstd, MatrixView<T> dx, T* dgamma,
                             T* dbeta, T* dbias, MatrixView<T> dresidual, const SumFactors& factors) {
  const auto kernel = backward_kernel(T{});
  const std::int64_t n = dy.columns;
  AlignedVector<T> sums(static_cast<std::size_t>(3 * n));
  for_rows_with_sums(dy.rows, 3 * n, sums.data(), [&](std::int64_t begin, std::int64_t end, T* partial) {
    for (std::int64_t r = begin; r < end; ++r) {
      kernel(
          {dy.row(r), dsum_in.data == nullptr ? nullptr : dsum_in.row(r), sum.row(r), gamma, mean[r], rstd[r],
           static_cast<T>(factors.branch_gradient), static_cast<T>(factors.residual_gradient), dx.row(r),
           dresidual.data == nullptr ? nullptr : dresidual.row(r), partial, partial + n, partial + 2 * n},
          n);
    }
  });
  for (std::int64_t c = 0; c < n; ++c) {
    dgamma[c] = sums[static_cast<std::size_t>(c)];
    dbeta[c] = sums[static_cast<std::size_t>(n + c)];
    if (dbias != nullptr) dbias[c] = sums[static_cast<std::size_t>(2 * n + c)];
  }
}

template void add_layer_norm(MatrixView<const float>, const float*, MatrixView<const float>, const float*,
                             const float*, float, MatrixView<float>, MatrixView<float>, float*, float*,
                             const SumFactors&);
template void add_layer_norm(MatrixView<const double>, const double*, MatrixView<const double>, const double*,
                             const double*, double, MatrixView<double>, MatrixView<double>, double*, double*,
                             const SumFactors&);
template void add_layer_norm_backward(MatrixView<const float>, MatrixView<const float>,
                                      MatrixView<const float>, const float*, const float*, const float*,
                                      MatrixView<float>, float*, float*, float*, MatrixView<float>,
                                      const SumFactors&);
template void add_layer_norm_backward(MatrixView<const double>, MatrixView<const double>,
                                      MatrixView<const double>, const double*, const double*, const double*,
                                      MatrixView<double>, double*, double*, double*, MatrixView<double>,
                                      const SumFactors&);

}  // namespace filigree::dense
#endif
