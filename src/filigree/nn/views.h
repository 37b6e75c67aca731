// Tensors seen as the views that dense and sparse compute on.
#pragma once

#include "filigree/nn/torch.h"
//
#include "filigree/base/error.h"
#include "filigree/numerics/matrix_view.h"

namespace filigree::nn {

// Errors (usage): a tensor on another device.
inline void check_cpu(const Tensor& tensor, const char* what) {
  if (!tensor.device().is_cpu())
    fail_usage("{}: wanted a tensor on the CPU, got one on {}", what, tensor.device().str());
}

// A 2-D tensor whose rows are contiguous and do not overlap. Errors (usage): any other tensor, such as a row
// that was expanded to many.
template <typename T>
MatrixView<T> matrix_of(const Tensor& tensor, const char* what) {
  check_cpu(tensor, what);
  if (tensor.dim() != 2) fail_usage("{}: wanted a matrix, got {} dimensions", what, tensor.dim());
  const std::int64_t rows = tensor.size(0);
  const std::int64_t columns = tensor.size(1);
  // Strides of a tensor without elements may be anything, and contiguous() leaves them.
  if (tensor.numel() == 0) return {tensor.data_ptr<std::remove_const_t<T>>(), rows, columns, columns};
  const std::int64_t stride = rows > 1 ? tensor.stride(0) : columns;
  if ((columns > 1 && tensor.stride(1) != 1) || stride < columns) {
    fail_usage("{}: wanted contiguous rows that do not overlap, got strides {} and {}: call contiguous()",
               what, tensor.stride(0), tensor.stride(1));
  }
  return {tensor.data_ptr<std::remove_const_t<T>>(), rows, columns, stride};
}

// The same, of a given shape. Errors (usage): another shape, or rows that are not contiguous.
template <typename T>
MatrixView<T> matrix_of(const Tensor& tensor, std::int64_t rows, std::int64_t columns, const char* what) {
  if (tensor.dim() == 2 && (tensor.size(0) != rows || tensor.size(1) != columns)) {
    fail_usage("{}: wanted {} x {}, got {} x {}", what, rows, columns, tensor.size(0), tensor.size(1));
  }
  return matrix_of<T>(tensor, what);
}

// Tensor(), which stands for "none", as an optional.
inline OptionalTensor optional_of(const Tensor& tensor) {
  return tensor.defined() ? OptionalTensor(tensor) : OptionalTensor();
}
inline bool is_given(const OptionalTensor& tensor) { return tensor.has_value() && tensor->defined(); }
inline Tensor value_or_none(const OptionalTensor& tensor) { return tensor.has_value() ? *tensor : Tensor(); }

// The elements of a contiguous 1-D tensor of `size`, or nullptr where there is none.
template <typename T>
T* vector_of(const OptionalTensor& tensor, std::int64_t size, const char* what) {
  if (!is_given(tensor)) return nullptr;
  check_cpu(*tensor, what);
  if (tensor->dim() != 1 || tensor->size(0) != size || !tensor->is_contiguous()) {
    fail_usage("{}: wanted a contiguous vector of {}", what, size);
  }
  return tensor->data_ptr<std::remove_const_t<T>>();
}

// At the front of every backward pass: the kernels behind it build no graph, so that under create_graph=True
// its results would be taken for constants in silence.
// Errors (usage): a graph of the gradients is wanted.
inline void refuse_second_derivatives(const char* op) {
  if (at::GradMode::is_enabled()) fail_usage("{}: second derivatives are not implemented", op);
}

// Calls body(T{}) with the tensor's type, float or double. Errors (usage): any other type.
template <typename Body>
auto with_real_type(const Tensor& tensor, const char* what, Body&& body) {
  if (tensor.scalar_type() == at::kFloat) return body(float{});
  if (tensor.scalar_type() == at::kDouble) return body(double{});
  fail_usage("{}: wanted float or double, got {}", what, c10::toString(tensor.scalar_type()));
}

}  // namespace filigree::nn
