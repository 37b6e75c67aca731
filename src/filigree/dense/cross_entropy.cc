#include "filigree/dense/cross_entropy.h"

#include <cmath>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/simd.h"
#include "filigree/dense/column_sum.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/dense/cross_entropy.cc"
#include <hwy/foreach_target.h>
//
#include "filigree/dense/softmax-inl.h"

#ifndef FILIGREE_DENSE_CROSS_ENTROPY_ROW_
#define FILIGREE_DENSE_CROSS_ENTROPY_ROW_
namespace filigree::dense {
namespace {

struct RowLoss {
  double loss;
  bool correct;
};

}  // namespace
}  // namespace filigree::dense
#endif

HWY_BEFORE_NAMESPACE();
namespace filigree::dense::HWY_NAMESPACE {
namespace {

// x <- x + bias; gives the largest, n > 0. One pass: a row of a vocabulary is as large as L1.
template <typename T>
HWY_INLINE T AddBias(T* x, const T* bias, std::int64_t n) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  auto best = hn::Set(d, x[0] + bias[0]);
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto v = hn::Add(hn::LoadU(d, x + i), hn::LoadU(d, bias + i));
    hn::StoreU(v, d, x + i);
    best = hn::Max(best, v);
  }
  T top = hn::GetLane(hn::MaxOfLanes(d, best));
  for (; i < n; ++i) {
    x[i] += bias[i];
    top = x[i] > top ? x[i] : top;
  }
  return top;
}

template <typename T>
HWY_INLINE RowLoss Row(T* x, const T* bias, std::int64_t label, std::int64_t n) {
  const T max = bias == nullptr ? RowMax<T>(x, n) : AddBias<T>(x, bias, n);
  const T at_label = x[label];
  const T sum = ExpRow(x, n, T(1), max);
  ScaleRow(x, n, T(1) / sum);
  return {std::log(static_cast<double>(sum)) + static_cast<double>(max) - static_cast<double>(at_label),
          at_label == max};
}

RowLoss RowF32(float* x, const float* bias, std::int64_t label, std::int64_t n) {
  return Row(x, bias, label, n);
}
RowLoss RowF64(double* x, const double* bias, std::int64_t label, std::int64_t n) {
  return Row(x, bias, label, n);
}

}  // namespace
}  // namespace filigree::dense::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace filigree::dense {
namespace {

void check_label(std::int64_t label, std::int64_t row, std::int64_t classes) {
  if (label < 0 || label >= classes) {
    fail_usage("cross_entropy: label {} of row {} is not one of {} classes", label, row, classes);
  }
}

HWY_EXPORT(RowF32);
HWY_EXPORT(RowF64);

auto row_kernel(float) { return FILIGREE_SIMD(RowF32); }
auto row_kernel(double) { return FILIGREE_SIMD(RowF64); }

constexpr std::int64_t kRowsPerTask = 4;

}  // namespace

template <typename T>
double cross_entropy(MatrixView<T> logits, const T* bias, const std::int64_t* labels, std::int64_t* correct) {
  const auto kernel = row_kernel(T{});
  std::vector<RowLoss> rows(static_cast<std::size_t>(logits.rows));
  parallel_chunks(logits.rows, kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      check_label(labels[r], r, logits.columns);
      rows[static_cast<std::size_t>(r)] = kernel(logits.row(r), bias, labels[r], logits.columns);
    }
  });
  double total = 0;
  std::int64_t hits = 0;
  for (const RowLoss& row : rows) {
    total += row.loss;
    hits += row.correct ? 1 : 0;
  }
  if (correct != nullptr) *correct = hits;
  return total;
}

template <typename T>
void cross_entropy_backward(MatrixView<T> probabilities, const std::int64_t* labels, T factor, T* dbias) {
  for_rows_with_sums(probabilities.rows, probabilities.columns, dbias,
                     [&](std::int64_t begin, std::int64_t end, T* sums) {
                       for (std::int64_t r = begin; r < end; ++r) {
                         T* row = probabilities.row(r);
                         check_label(labels[r], r, probabilities.columns);
                         row[labels[r]] -= T(1);
                         for (std::int64_t c = 0; c < probabilities.columns; ++c) {
                           row[c] *= factor;
                           sums[c] += row[c];
                         }
                       }
                     });
}

template double cross_entropy(MatrixView<float>, const float*, const std::int64_t*, std::int64_t*);
template double cross_entropy(MatrixView<double>, const double*, const std::int64_t*, std::int64_t*);
template void cross_entropy_backward(MatrixView<float>, const std::int64_t*, float, float*);
template void cross_entropy_backward(MatrixView<double>, const std::int64_t*, double, double*);

}  // namespace filigree::dense
#endif
