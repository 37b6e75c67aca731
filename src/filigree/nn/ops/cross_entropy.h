// Softmax cross-entropy (dense/cross_entropy.h).
#pragma once

#include "filigree/nn/factors.h"

namespace filigree::nn {

// Sum over rows of -log softmax(logits + bias)[label], divided by `divisor`: a scalar, and the number of
// rows whose largest logit is the label's (int64 scalar). logits: [rows, classes], whose memory becomes
// the op's own (it is overwritten); bias: [classes] or none; labels: [rows] int64. float or double.
// `factors`: output, logits, bias where there is one. The output's must be 1: a loss stays a loss.
std::tuple<Tensor, Tensor> cross_entropy_consuming(const Tensor& logits, const OptionalTensor& bias,
                                                   const Tensor& labels, double divisor,
                                                   FactorList factors = {});

// As above, on a copy of the logits: what is registered with LibTorch.
std::tuple<Tensor, Tensor> cross_entropy(const Tensor& logits, const OptionalTensor& bias,
                                         const Tensor& labels, double divisor, FactorList factors = {});

// The parts without autograd, as registered with LibTorch; they leave their arguments alone. Forward gives
// (loss, correct, probabilities), the latter [rows, classes]; backward the gradients of the logits and of the
// bias (of a bias of zeros where there is none). grad: the loss's gradient, a scalar.
std::tuple<Tensor, Tensor, Tensor> cross_entropy_forward(const Tensor& logits, const OptionalTensor& bias,
                                                         const Tensor& labels, double divisor);
std::tuple<Tensor, Tensor> cross_entropy_backward(const Tensor& grad, const Tensor& probabilities,
                                                  const Tensor& labels, double divisor,
                                                  FactorList factors = {});

}  // namespace filigree::nn
