// Layer norm (Ba et al. 2016, arXiv 1607.06450) fused with the bias and the residual sum before it.
#pragma once

#include "filigree/numerics/matrix_view.h"

namespace filigree::dense {

// Of the sum (scaling/): forward, what x + bias and the residual are multiplied by; backward, what the sum's
// gradient is multiplied by to give theirs. The same unless a residual branch of weight w carries it, forward
// at its end and backward at its beginning (branch = w, branch_gradient = 1).
struct SumFactors {
  double branch = 1;
  double residual = 1;
  double branch_gradient = 1;
  double residual_gradient = 1;
};

// sum = branch * (x (+ bias)) (+ residual's factor * residual); y = (sum - mean) * rstd * gamma + beta, per
// row.
// All matrices rows x columns; bias, gamma, beta: columns; mean, rstd: rows (saved for the
// backward pass). bias and residual may be absent (nullptr, a view without data). sum may be x.
template <typename T>
void add_layer_norm(MatrixView<const T> x, const T* bias, MatrixView<const T> residual, const T* gamma,
                    const T* beta, T epsilon, MatrixView<T> sum, MatrixView<T> y, T* mean, T* rstd,
                    const SumFactors& factors = {});

// Gradients: with dsum = layer norm's gradient (+ dsum_in, what flows into `sum` from elsewhere; may be
// absent), dx = branch_gradient * dsum and, where it has data, dresidual = residual_gradient * dsum. dgamma,
// dbeta, dbias: columns; dbias (nullptr where there is no bias) = column sums of dx.
template <typename T>
void add_layer_norm_backward(MatrixView<const T> dy, MatrixView<const T> dsum_in, MatrixView<const T> sum,
                             const T* gamma, const T* mean, const T* rstd, MatrixView<T> dx, T* dgamma,
                             T* dbeta, T* dbias, MatrixView<T> dresidual = {},
                             const SumFactors& factors = {});

}  // namespace filigree::dense
