// Layer norm (Ba et al. 2016, arXiv 1607.06450) fused with the bias and the residual sum before it.
#pragma once

#include "filigree/numerics/matrix_view.h"

namespace filigree::dense {

// sum = x (+ bias) (+ residual); y = (sum - mean) * rstd * gamma + beta, per row.
// All matrices rows x columns; bias, gamma, beta: columns; mean, rstd: rows (saved for the
// backward pass). bias and residual may be absent (nullptr, a view without data). sum may be x.
template <typename T>
void add_layer_norm(MatrixView<const T> x, const T* bias, MatrixView<const T> residual, const T* gamma,
                    const T* beta, T epsilon, MatrixView<T> sum, MatrixView<T> y, T* mean, T* rstd);

// Gradients: dsum = layer norm's gradient (+ dsum_in, what flows into `sum` from elsewhere; may be
// absent). dgamma, dbeta, dbias: columns; dbias (nullptr where there is no bias) = column sums of dsum.
template <typename T>
void add_layer_norm_backward(MatrixView<const T> dy, MatrixView<const T> dsum_in, MatrixView<const T> sum,
                             const T* gamma, const T* mean, const T* rstd, MatrixView<T> dsum, T* dgamma,
                             T* dbeta, T* dbias);

}  // namespace filigree::dense
