// gelu(x + bias), exact form (dense/gelu.h).
#pragma once

#include "filigree/nn/torch.h"

namespace filigree::nn {

// x: [rows, columns]; bias: [columns] or none. float or double.
Tensor bias_gelu(const Tensor& x, const OptionalTensor& bias);

// The parts without autograd, as registered with LibTorch.
Tensor bias_gelu_forward(const Tensor& x, const OptionalTensor& bias);
// Gives the gradients of x and of the bias (of a bias of zeros where there is none).
std::tuple<Tensor, Tensor> bias_gelu_backward(const Tensor& grad, const Tensor& x,
                                              const OptionalTensor& bias);

}  // namespace filigree::nn
