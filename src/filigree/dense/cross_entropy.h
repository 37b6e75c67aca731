// Softmax cross-entropy over the rows of a matrix of logits.
#pragma once

#include <cstdint>

#include "filigree/numerics/matrix_view.h"

namespace filigree::dense {

// Gives the sum over rows of -log softmax(logits + bias)[labels[r]] and turns `logits` into the
// probabilities. logits: rows x classes, overwritten; bias: classes, or nullptr; labels: rows, each in
// [0, classes). correct, where not nullptr, counts rows whose largest logit is the label's.
// The sum is taken in double in row order.
// Errors (usage): a label out of range.
template <typename T>
double cross_entropy(MatrixView<T> logits, const T* bias, const std::int64_t* labels, std::int64_t* correct);

// dlogits = factor * (probabilities - onehot(labels)), in place of the probabilities; dbias (may be
// nullptr) = its column sums. factor is the loss's gradient over the number of rows for a mean.
// Errors (usage): a label out of range.
template <typename T>
void cross_entropy_backward(MatrixView<T> probabilities, const std::int64_t* labels, T factor, T* dbias);

}  // namespace filigree::dense
