// y = x W^T + bias whose operands have fewer bits: forward and in both gradients.
#pragma once

#include "filigree/nn/bsr_pattern.h"
#include "filigree/nn/factors.h"
#include "filigree/nn/precision.h"

namespace filigree::nn {

// As linear() (ops/linear.h) with x, the weight and the incoming gradient rounded to `precision`'s formats
// before they are multiplied; for the gradients x is kept as it was multiplied, in one or two bytes a value,
// and the weight is rounded once more. Products are exact, sums and results FP32; the bias's gradient is that
// of the gradient as it came in. x: [tokens, in], weight: [out, in], float. Errors (usage): kFp32; tensors
// that are not float.
Tensor low_precision_linear(const Tensor& x, const Tensor& weight, const OptionalTensor& bias,
                            Precision precision, FactorList factors = {});

// low_precision_linear(), or linear() itself where `precision` is kFp32.
Tensor linear_in(Precision precision, const Tensor& x, const Tensor& weight, const OptionalTensor& bias,
                 FactorList factors = {});

// These of a block-sparse weight, as bsr_linear() (ops/bsr_linear.h). Its operands are converted to FP32
// on the way to the products.
Tensor low_precision_bsr_linear(const Tensor& x, const Tensor& values, const BsrPatternRef& pattern,
                                const OptionalTensor& bias, Precision precision, FactorList factors = {});
Tensor bsr_linear_in(Precision precision, const Tensor& x, const Tensor& values, const BsrPatternRef& pattern,
                     const OptionalTensor& bias, FactorList factors = {});

}  // namespace filigree::nn
