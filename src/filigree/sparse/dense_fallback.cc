#include "filigree/sparse/dense_fallback.h"

#include <algorithm>

#include "filigree/base/parallel.h"
#include "filigree/dense/gemm.h"
#include "filigree/sparse/product_parts.h"

namespace filigree::sparse {
namespace {

using dense::Transpose;

// body(block row): on all threads.
template <typename Body>
void for_each_block_row(const BsrPattern& w, const Body& body) {
  const std::int64_t values_per_row = std::max<std::int64_t>(1, w.columns() * w.block().rows);
  const std::int64_t rows_per_task = std::max<std::int64_t>(1, (1 << 14) / values_per_row);
  parallel_chunks(w.block_rows(), rows_per_task, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) body(r);
  });
}

// Calls line(place among the values, row, first column, count) for each row of each block in block row r, as
// far as it lies within the matrix.
template <typename Line>
void for_each_line(const BsrPattern& w, std::int64_t r, const Line& line) {
  const std::int64_t height = w.block().rows;
  const std::int64_t width = w.block().columns;
  const std::int64_t lines = std::min(height, w.rows() - r * height);
  for (std::int64_t p = w.row_offsets()[r]; p < w.row_offsets()[r + 1]; ++p) {
    const std::int64_t column = w.column_indices()[p] * width;
    const std::int64_t count = std::min(width, w.columns() - column);
    for (std::int64_t i = 0; i < lines; ++i) line((p * height + i) * width, r * height + i, column, count);
  }
}

template <typename T>
MatrixView<const T> densified(const BsrPattern& w, const T* values) {
  T* const dense = scratch<Scratch::kDense, T>(w.rows() * w.columns());
  const std::int64_t columns = w.columns();
  for_each_block_row(w, [&](std::int64_t r) {
    const std::int64_t first = r * w.block().rows;
    const std::int64_t last = std::min(w.rows(), first + w.block().rows);
    std::fill(dense + first * columns, dense + last * columns, T{0});
    for_each_line(w, r, [&](std::int64_t place, std::int64_t row, std::int64_t column, std::int64_t count) {
      const T* const from = values + place;
      T* const to = dense + row * columns + column;
      // In lines of one element a call for each would cost more than all else.
      if (count == 1) {
        *to = *from;
      } else {
        std::copy_n(from, count, to);
      }
    });
  });
  return MatrixView<const T>(dense, w.rows(), columns);
}

// out = bias (of each row, or of each column), plus out where `accumulate`.
template <typename T>
void begin_with_bias(ActivationLayout layout, const T* bias, MatrixView<T> out, bool accumulate) {
  constexpr std::int64_t kRowsPerTask = 16;
  parallel_chunks(out.rows, kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      T* const to = out.row(r);
      for (std::int64_t c = 0; c < out.columns; ++c) {
        const T start = bias[layout == ActivationLayout::kRowMajor ? r : c];
        to[c] = accumulate ? to[c] + start : start;
      }
    }
  });
}

}  // namespace

template <typename T>
void dense_multiply(Product product, ActivationLayout layout, const BsrPattern& w, ConstPointer<T> values,
                    ConstView<T> in, ConstPointer<T> bias, MatrixView<T> out, bool accumulate,
                    dense::Activation activation) {
  const bool row_major = layout == ActivationLayout::kRowMajor;
  const bool forward = product == Product::kForward;
  const std::int64_t from = forward ? w.columns() : w.rows();
  const std::int64_t to = forward ? w.rows() : w.columns();
  const std::int64_t samples = row_major ? out.columns : out.rows;
  check_view("multiply", "the input", in, row_major ? from : samples, row_major ? samples : from);
  check_view("multiply", "the output", out, row_major ? to : samples, row_major ? samples : to);
  if (samples == 0) return;
  const MatrixView<const T> dense = densified<T>(w, values);
  if (bias != nullptr) begin_with_bias<T>(layout, bias, out, accumulate);
  const T beta = accumulate || bias != nullptr ? T{1} : T{0};
  if (row_major) {
    dense::gemm<T>(forward ? Transpose::kNo : Transpose::kYes, Transpose::kNo, T{1}, dense, in, beta, out);
  } else {
    dense::gemm<T>(Transpose::kNo, forward ? Transpose::kYes : Transpose::kNo, T{1}, in, dense, beta, out);
  }
  const dense::ActivationKernel<T> activate = dense::activation_kernel<T>(activation);
  if (activate == nullptr) return;
  constexpr std::int64_t kRowsPerTask = 16;
  parallel_chunks(out.rows, kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) activate(out.row(r), out.columns);
  });
}

template <typename T>
void dense_gradient(ActivationLayout layout, ConstView<T> dy, ConstView<T> x, const BsrPattern& w,
                    T* gradient, bool accumulate) {
  const bool row_major = layout == ActivationLayout::kRowMajor;
  const std::int64_t samples = row_major ? x.columns : x.rows;
  check_view("gradient", "dy", dy, row_major ? w.rows() : samples, row_major ? samples : w.rows());
  check_view("gradient", "x", x, row_major ? w.columns() : samples, row_major ? samples : w.columns());
  const std::int64_t columns = w.columns();
  T* const dense = scratch<Scratch::kDense, T>(w.rows() * columns);
  const MatrixView<T> result(dense, w.rows(), columns);
  if (samples == 0) {
    std::fill_n(dense, w.rows() * columns, T{0});
  } else if (row_major) {
    dense::gemm<T>(Transpose::kNo, Transpose::kYes, T{1}, dy, x, T{0}, result);
  } else {
    dense::gemm<T>(Transpose::kYes, Transpose::kNo, T{1}, dy, x, T{0}, result);
  }
  const std::int64_t size = w.block().values();
  for_each_block_row(w, [&](std::int64_t r) {
    // What lies behind the matrix's edge has no gradient.
    if (w.ragged() && !accumulate) {
      std::fill(gradient + w.row_offsets()[r] * size, gradient + w.row_offsets()[r + 1] * size, T{0});
    }
    for_each_line(w, r, [&](std::int64_t place, std::int64_t row, std::int64_t column, std::int64_t count) {
      const T* const found = dense + row * columns + column;
      T* const to = gradient + place;
      if (accumulate) {
        for (std::int64_t j = 0; j < count; ++j) to[j] += found[j];
      } else if (count == 1) {
        *to = *found;
      } else {
        std::copy_n(found, count, to);
      }
    });
  });
}

template void dense_multiply<float>(Product, ActivationLayout, const BsrPattern&, const float*,
                                    ConstView<float>, const float*, MatrixView<float>, bool,
                                    dense::Activation);
template void dense_multiply<double>(Product, ActivationLayout, const BsrPattern&, const double*,
                                     ConstView<double>, const double*, MatrixView<double>, bool,
                                     dense::Activation);
template void dense_gradient<float>(ActivationLayout, ConstView<float>, ConstView<float>, const BsrPattern&,
                                    float*, bool);
template void dense_gradient<double>(ActivationLayout, ConstView<double>, ConstView<double>,
                                     const BsrPattern&, double*, bool);

}  // namespace filigree::sparse
