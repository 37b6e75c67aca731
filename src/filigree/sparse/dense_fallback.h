// The products of products.h and dsd.h by way of a dense matrix, for patterns so full that this is faster.
// Not for users: see plan.h.
#pragma once

#include "filigree/sparse/dsd.h"
#include "filigree/sparse/product.h"

namespace filigree::sparse {

// out = w in or w^T in (row-major), in w^T or in w (token-major), plus bias (of forward's outputs, or
// nullptr), plus out where `accumulate`. product: forward or grad-input. T: float, double. Errors (usage):
// shapes that do not fit.
template <typename T>
void dense_multiply(Product product, ActivationLayout layout, const BsrPattern& w, ConstPointer<T> values,
                    ConstView<T> in, ConstPointer<T> bias, MatrixView<T> out, bool accumulate,
                    dense::Activation activation);

// gradient = dy x^T (row-major) or dy^T x (token-major) at w's blocks, plus gradient where `accumulate`.
template <typename T>
void dense_gradient(ActivationLayout layout, ConstView<T> dy, ConstView<T> x, const BsrPattern& w,
                    T* gradient, bool accumulate);

}  // namespace filigree::sparse
