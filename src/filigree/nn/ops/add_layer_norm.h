// Bias, residual sum and layer norm in one pass (dense/layer_norm.h).
#pragma once

#include "filigree/nn/factors.h"
//
#include "filigree/dense/layer_norm.h"

namespace filigree::nn {

// Of a scaled add_layer_norm, whose layer norm itself has factors of 1.
struct AddLayerNormFactors {
  dense::SumFactors sum;
  // Of these parameters' gradients, beside the derivatives by them with the sum's forward factors left out.
  double bias = 1;
  double gamma = 1;
  double beta = 1;

  // As the dispatcher carries it: in this order. Errors (usage): neither empty nor seven numbers.
  static AddLayerNormFactors of(FactorList list);
  std::vector<double> list() const;
};

// sum = branch (x (+ bias)) (+ residual's factor * residual), both factors 1 where none are given; y =
// layer_norm(sum) * gamma + beta. x, residual: [rows, columns]; bias, gamma, beta: [columns]. Gives (sum, y).
// float or double. `factors`: AddLayerNormFactors::list().
std::tuple<Tensor, Tensor> add_layer_norm(const Tensor& x, const OptionalTensor& bias,
                                          const OptionalTensor& residual, const Tensor& gamma,
                                          const Tensor& beta, double epsilon, FactorList factors = {});

// The parts without autograd, as registered with LibTorch. Forward gives (sum, y, mean, rstd).
std::tuple<Tensor, Tensor, Tensor, Tensor> add_layer_norm_forward(const Tensor& x, const OptionalTensor& bias,
                                                                  const OptionalTensor& residual,
                                                                  const Tensor& gamma, const Tensor& beta,
                                                                  double epsilon, FactorList factors = {});
// Gives the gradients of x, of the residual (that of x where their factors are the same), of gamma, beta and
// bias.
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> add_layer_norm_backward(
    const Tensor& grad_y, const OptionalTensor& grad_sum, const Tensor& sum, const Tensor& gamma,
    const Tensor& mean, const Tensor& rstd, FactorList factors = {});

}  // namespace filigree::nn
