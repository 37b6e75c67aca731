// Softmax cross-entropy (dense/cross_entropy.h).
#pragma once

#include "filigree/nn/torch.h"

namespace filigree::nn {

// Sum over rows of -log softmax(logits + bias)[label], divided by `divisor`: a scalar, and the number of
// rows whose largest logit is the label's (int64 scalar). logits: [rows, classes], whose memory becomes
// the op's own (it is overwritten); bias: [classes] or none; labels: [rows] int64. float or double.
std::tuple<Tensor, Tensor> cross_entropy_consuming(const Tensor& logits, const OptionalTensor& bias,
                                                   const Tensor& labels, double divisor);

// As above, on a copy of the logits: what is registered with LibTorch.
std::tuple<Tensor, Tensor> cross_entropy(const Tensor& logits, const OptionalTensor& bias,
                                         const Tensor& labels, double divisor);

}  // namespace filigree::nn
