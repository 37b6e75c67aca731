// Bias, residual sum and layer norm in one pass (dense/layer_norm.h).
#pragma once

#include "filigree/nn/torch.h"

namespace filigree::nn {

// sum = x (+ bias) (+ residual); y = layer_norm(sum) * gamma + beta. x, residual: [rows, columns];
// bias, gamma, beta: [columns]. Gives (sum, y). float or double.
std::tuple<Tensor, Tensor> add_layer_norm(const Tensor& x, const OptionalTensor& bias,
                                          const OptionalTensor& residual, const Tensor& gamma,
                                          const Tensor& beta, double epsilon);

// The parts without autograd, as registered with LibTorch. Forward gives (sum, y, mean, rstd).
std::tuple<Tensor, Tensor, Tensor, Tensor> add_layer_norm_forward(const Tensor& x, const OptionalTensor& bias,
                                                                  const OptionalTensor& residual,
                                                                  const Tensor& gamma, const Tensor& beta,
                                                                  double epsilon);
// Gives the gradients of sum (which are those of x and of the residual), gamma, beta and bias.
std::tuple<Tensor, Tensor, Tensor, Tensor> add_layer_norm_backward(const Tensor& grad_y,
                                                                   const OptionalTensor& grad_sum,
                                                                   const Tensor& sum, const Tensor& gamma,
                                                                   const Tensor& mean, const Tensor& rstd);

}  // namespace filigree::nn
