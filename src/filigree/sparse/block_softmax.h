// Softmax over the rows of a block-sparse matrix: attention whose scores exist in some blocks only. PopSparse
// has the same in its experimental part (popsparse::experimental::bsSoftmax, bsSoftmaxGrad).
#pragma once

#include "filigree/sparse/bsr_pattern.h"

namespace filigree::sparse {

// Which elements take part: all, or those on one side of the diagonal and on it (row >= column: causal
// attention; row <= column).
enum class Triangle { kWhole, kLower, kUpper };

// probabilities = softmax(scale * scores) over what each row of the matrix has: elements without a block,
// behind the edge or beyond the triangle have probability 0 (those with a place are stored as 0). A row that
// has nothing is 0; one that holds NaN is NaN. scores, probabilities: [block_count][b][b] in the pattern's
// order, may be the same. T: float on the chosen instruction set, double. The same bits for any number of
// threads. Errors (usage): a scale that is not above 0.
template <typename T>
void block_softmax(const BsrPattern& w, const T* scores, T scale, Triangle triangle, T* probabilities);

// The gradient of the scores: scale * p * (dp - sum over the row of p * dp), p being block_softmax's result
// and dp its gradient. gradient may be dp.
template <typename T>
void block_softmax_gradient(const BsrPattern& w, const T* probabilities, const T* dp, T scale, T* gradient);

}  // namespace filigree::sparse
