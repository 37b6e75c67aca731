#include "filigree/dense/attention.h"

#include <algorithm>
#include <cmath>

#include "filigree/base/aligned.h"
#include "filigree/base/parallel.h"
#include "filigree/dense/gemm.h"
#include "filigree/dense/softmax.h"

namespace filigree::dense {
namespace {

// One head of one sequence: where its rows and columns lie.
template <typename T>
struct Head {
  Head(const AttentionShape& shape, std::int64_t task, std::int64_t hidden)
      : sequence_index(task / shape.heads),
        size(hidden / shape.heads),
        column(task % shape.heads * size),
        first_row(sequence_index * shape.sequence),
        length(shape.lengths[static_cast<std::size_t>(sequence_index)]) {}

  template <typename U>
  MatrixView<U> of(MatrixView<U> x, std::int64_t offset = 0) const {
    return {x.data + first_row * x.stride + offset + column, length, size, x.stride};
  }

  std::int64_t sequence_index;
  std::int64_t size;
  std::int64_t column;
  std::int64_t first_row;
  std::int64_t length;
};

// Zeroes what a head's padded positions would hold.
template <typename T>
void clear_padding(const Head<T>& head, std::int64_t sequence, MatrixView<T> x, std::int64_t offset) {
  for (std::int64_t t = head.length; t < sequence; ++t) {
    T* row = x.row(head.first_row + t) + offset + head.column;
    std::fill(row, row + head.size, T(0));
  }
}

}  // namespace

template <typename T>
void attention(const AttentionShape& shape, MatrixView<const T> qkv, T* probabilities, MatrixView<T> out,
               const AttentionFactors& factors) {
  const std::int64_t hidden = out.columns;
  const auto softmax = softmax_rows<T>;
  parallel_tasks(shape.batch * shape.heads, [&](std::int64_t task, int) {
    const Head<T> head(shape, task, hidden);
    const T scale = T(1) / std::sqrt(static_cast<T>(head.size));
    const MatrixView<T> p(probabilities + task * shape.sequence * shape.sequence, head.length, head.length,
                          shape.sequence);
    clear_padding(head, shape.sequence, out, 0);
    if (head.length == 0) return;
    gemm<T>(Transpose::kNo, Transpose::kYes, T(1), head.of(qkv), head.of(qkv, hidden), T(0), p);
    softmax(p, scale);
    gemm<T>(Transpose::kNo, Transpose::kNo, static_cast<T>(factors.output), p, head.of(qkv, 2 * hidden), T(0),
            head.of(out));
  });
}

template <typename T>
void attention_backward(const AttentionShape& shape, MatrixView<const T> dout, MatrixView<const T> qkv,
                        const T* probabilities, MatrixView<T> dqkv, const AttentionFactors& factors) {
  const std::int64_t hidden = dout.columns;
  const auto softmax_backward = softmax_rows_backward<T>;
  parallel_tasks(shape.batch * shape.heads, [&](std::int64_t task, int) {
    static thread_local AlignedVector<T> scratch;
    const Head<T> head(shape, task, hidden);
    const T scale = T(1) / std::sqrt(static_cast<T>(head.size));
    const MatrixView<const T> p(probabilities + task * shape.sequence * shape.sequence, head.length,
                                head.length, shape.sequence);
    for (const std::int64_t offset : {std::int64_t{0}, hidden, 2 * hidden}) {
      clear_padding(head, shape.sequence, dqkv, offset);
    }
    if (head.length == 0) return;
    scratch.resize(static_cast<std::size_t>(shape.sequence * shape.sequence));
    const MatrixView<T> ds(scratch.data(), head.length, head.length, shape.sequence);
    const MatrixView<const T> dy = head.of(dout);
    gemm<T>(Transpose::kYes, Transpose::kNo, static_cast<T>(factors.v), p, dy, T(0),
            head.of(dqkv, 2 * hidden));
    gemm<T>(Transpose::kNo, Transpose::kYes, T(1), dy, head.of(qkv, 2 * hidden), T(0), ds);
    softmax_backward(p, ds, scale);
    gemm<T>(Transpose::kNo, Transpose::kNo, static_cast<T>(factors.q), ds, head.of(qkv, hidden), T(0),
            head.of(dqkv));
    gemm<T>(Transpose::kYes, Transpose::kNo, static_cast<T>(factors.k), ds, head.of(qkv), T(0),
            head.of(dqkv, hidden));
  });
}

template void attention(const AttentionShape&, MatrixView<const float>, float*, MatrixView<float>,
                        const AttentionFactors&);
template void attention(const AttentionShape&, MatrixView<const double>, double*, MatrixView<double>,
                        const AttentionFactors&);
template void attention_backward(const AttentionShape&, MatrixView<const float>, MatrixView<const float>,
                                 const float*, MatrixView<float>, const AttentionFactors&);
template void attention_backward(const AttentionShape&, MatrixView<const double>, MatrixView<const double>,
                                 const double*, MatrixView<double>, const AttentionFactors&);

}  // namespace filigree::dense
