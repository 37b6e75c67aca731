// y = x W^T + bias with a dense W.
#pragma once

#include "filigree/nn/factors.h"

namespace filigree::nn {

// x: [tokens, in]; weight: [out, in]; bias: [out] or none. Gives [tokens, out]. float or double. With
// `factors` (output, x, weight, bias where there is one) y = output x W^T + bias: the bias is added to what
// is scaled.
Tensor linear(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, FactorList factors = {});

// The parts without autograd, as registered with LibTorch. Products are multiplied by `factor`, on the way.
Tensor linear_forward(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, double factor = 1);
Tensor linear_grad_input(const Tensor& grad, const Tensor& weight, double factor = 1);
Tensor linear_grad_weight(const Tensor& grad, const Tensor& x, double factor = 1);
// Column sums of `grad`: the gradient of any bias.
Tensor bias_grad(const Tensor& grad, double factor = 1);

}  // namespace filigree::nn
