// gelu(x + bias), exact form (dense/gelu.h).
#pragma once

#include "filigree/nn/factors.h"

namespace filigree::nn {

// x: [rows, columns]; bias: [columns] or none. float or double. `factors`: output, x, bias where there is
// one.
Tensor bias_gelu(const Tensor& x, const OptionalTensor& bias, FactorList factors = {});

// The parts without autograd, as registered with LibTorch. Results are multiplied by `factor`.
Tensor bias_gelu_forward(const Tensor& x, const OptionalTensor& bias, double factor = 1);
// Gives the gradients of x and of the bias (of a bias of zeros where there is none).
std::tuple<Tensor, Tensor> bias_gelu_backward(const Tensor& grad, const Tensor& x, const OptionalTensor& bias,
                                              double factor = 1);

}  // namespace filigree::nn
