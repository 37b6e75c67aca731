// Softmax of rows, on the calling thread: a part of other ops.
#pragma once

#include "filigree/numerics/matrix_view.h"

namespace filigree::dense {

// x <- softmax(scale * x), row by row, on the chosen instruction set. -inf becomes 0; a row of nothing else,
// or one that holds NaN, becomes NaN. x has at least one column. T: float or double.
template <typename T>
void softmax_rows(MatrixView<T> x, T scale);

// dp <- scale * p * (dp - sum(p * dp)), row by row: the gradient of the scores, where p =
// softmax_rows(scores) and dp is its gradient.
template <typename T>
void softmax_rows_backward(MatrixView<const T> p, MatrixView<T> dp, T scale);

}  // namespace filigree::dense
