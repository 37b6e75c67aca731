// Tensors of fewer bits than 32: what products read and the backward pass keeps.
#pragma once

#include "filigree/nn/torch.h"
//
#include <type_traits>

#include "filigree/numerics/formats.h"
#include "filigree/numerics/matrix_view.h"

namespace filigree::nn {

// LibTorch 1.13 has no type of 8 bits with an exponent: bytes stand for FP8.
template <class T>
constexpr at::ScalarType storage_type() {
  if constexpr (std::is_same_v<T, BFloat16>) return at::kBFloat16;
  if constexpr (std::is_same_v<T, Float16>) return at::kHalf;
  return at::kByte;
}

// `x` (float, on the CPU, any strides) rounded as T(float) rounds, contiguous.
template <class T>
Tensor rounded(const Tensor& x);

// A contiguous matrix that rounded<T>() made.
template <class T>
MatrixView<const T> stored_matrix(const Tensor& tensor) {
  return {static_cast<const T*>(tensor.data_ptr()), tensor.size(0), tensor.size(1), tensor.size(1)};
}

// The formats that products are taken in: BF16 holds all of FP8, FP32 all of FP16.
template <class T>
using Operand = MatrixView<const std::conditional_t<std::is_same_v<T, Float16>, float, BFloat16>>;

// The same values as an operand; converted, they lie in memory of the thread's own, which the next call with
// the same `slot` (0 or 1) overwrites.
template <class T>
Operand<T> operand(int slot, MatrixView<const T> from);

// c = alpha * op(a) * op(b) (+ c where `accumulate`): every product of two values is exact, sums are FP32's.
// alpha > 0.
void multiply(bool transpose_a, bool transpose_b, double alpha, MatrixView<const BFloat16> a,
              MatrixView<const BFloat16> b, bool accumulate, MatrixView<float> c);
void multiply(bool transpose_a, bool transpose_b, double alpha, MatrixView<const float> a,
              MatrixView<const float> b, bool accumulate, MatrixView<float> c);

}  // namespace filigree::nn
