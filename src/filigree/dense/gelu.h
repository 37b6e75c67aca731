// GELU (Hendrycks and Gimpel 2016, arXiv 1606.08415) in its exact form x * Phi(x), fused with the bias before
// it.
#pragma once

#include <type_traits>

#include "filigree/numerics/matrix_view.h"

namespace filigree::dense {

// y = factor * gelu(x + bias). x, y: rows x columns; bias: columns, or nullptr. y may be x.
template <typename T>
void bias_gelu(MatrixView<const T> x, const T* bias, MatrixView<T> y, std::type_identity_t<T> factor = 1);

// dx = factor * dy * gelu'(x + bias), and, where asked, dbias[c] = sum over rows of dx. dx may be dy.
// dbias: columns, or nullptr.
template <typename T>
void bias_gelu_backward(MatrixView<const T> dy, MatrixView<const T> x, const T* bias, MatrixView<T> dx,
                        T* dbias, std::type_identity_t<T> factor = 1);

}  // namespace filigree::dense
