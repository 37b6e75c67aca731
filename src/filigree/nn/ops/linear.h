// y = x W^T + bias with a dense W.
#pragma once

#include "filigree/nn/torch.h"

namespace filigree::nn {

// x: [tokens, in]; weight: [out, in]; bias: [out] or none. Gives [tokens, out]. float or double.
Tensor linear(const Tensor& x, const Tensor& weight, const OptionalTensor& bias);

// The parts without autograd, as registered with LibTorch.
Tensor linear_forward(const Tensor& x, const Tensor& weight, const OptionalTensor& bias);
Tensor linear_grad_input(const Tensor& grad, const Tensor& weight);
Tensor linear_grad_weight(const Tensor& grad, const Tensor& x);
// Column sums of `grad`: the gradient of any bias.
Tensor bias_grad(const Tensor& grad);

}  // namespace filigree::nn
