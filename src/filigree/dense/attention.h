// Multi-head self-attention (Vaswani et al. 2017, eq. 1) on fused q, k, v.
#pragma once

#include <cstdint>
#include <span>

#include "filigree/numerics/matrix_view.h"

namespace filigree::dense {

// Tokens are the rows of `batch` sequences of `sequence` positions; of sequence b only the first
// lengths[b] positions exist, the rest are padding: no position attends to them and their output and
// gradient are zero.
struct AttentionShape {
  std::int64_t batch;
  std::int64_t sequence;
  std::int64_t heads;
  std::span<const std::int32_t> lengths;  // batch
};

// Of scaled attention (scaling/): out is multiplied by `output`, and the gradients of q, k and v, beside
// their derivatives, by theirs.
struct AttentionFactors {
  double output = 1;
  double q = 1;
  double k = 1;
  double v = 1;
};

// out = softmax(q k^T / sqrt(head size)) v per head. qkv: (batch * sequence) x 3 hidden, the columns
// q, k, v one behind the other, each heads * head size; out: (batch * sequence) x hidden.
// probabilities: batch * heads * sequence * sequence, saved for the backward pass.
template <typename T>
void attention(const AttentionShape& shape, MatrixView<const T> qkv, T* probabilities, MatrixView<T> out,
               const AttentionFactors& factors = {});

// dqkv from dout; same shapes.
template <typename T>
void attention_backward(const AttentionShape& shape, MatrixView<const T> dout, MatrixView<const T> qkv,
                        const T* probabilities, MatrixView<T> dqkv, const AttentionFactors& factors = {});

}  // namespace filigree::dense
