// Multi-head self-attention on fused q, k, v (dense/attention.h).
#pragma once

#include "filigree/nn/factors.h"

namespace filigree::nn {

// qkv: [batch * sequence, 3 * hidden]; lengths: [batch] int32, the tokens of each sequence that are
// not padding. Gives [batch * sequence, hidden]. float or double. `factors`: output, q, k, v.
Tensor attention(const Tensor& qkv, const Tensor& lengths, std::int64_t heads, FactorList factors = {});

// The parts without autograd, as registered with LibTorch. Forward gives (out, probabilities), the latter
// [batch, heads, sequence, sequence], of which the places beyond a length hold nothing.
std::tuple<Tensor, Tensor> attention_forward(const Tensor& qkv, const Tensor& lengths, std::int64_t heads,
                                             FactorList factors = {});
Tensor attention_backward(const Tensor& grad, const Tensor& qkv, const Tensor& probabilities,
                          const Tensor& lengths, FactorList factors = {});

}  // namespace filigree::nn
