// y = x W^T + bias with a block-sparse W, stored sparse (sparse/products.h).
#pragma once

#include "filigree/nn/factors.h"
//
#include "filigree/nn/bsr_pattern.h"

namespace filigree::nn {

// x: [tokens, in]; values: [blocks, rows, columns] in the pattern's order; bias: [out] or none. Gives
// [tokens, out]. The gradient of `values` lies in the same order. float or double. `factors` as linear() has
// them (output, x, values, bias where there is one).
Tensor bsr_linear(const Tensor& x, const Tensor& values, const BsrPatternRef& pattern,
                  const OptionalTensor& bias, FactorList factors = {});

// The parts without autograd, as registered with LibTorch. Products are multiplied by `factor`.
Tensor bsr_linear_forward(const Tensor& x, const Tensor& values, const BsrPatternRef& pattern,
                          const OptionalTensor& bias, double factor = 1);
Tensor bsr_linear_grad_input(const Tensor& grad, const Tensor& values, const BsrPatternRef& pattern,
                             double factor = 1);
Tensor bsr_linear_grad_values(const Tensor& grad, const Tensor& x, const BsrPatternRef& pattern,
                              double factor = 1);

}  // namespace filigree::nn
