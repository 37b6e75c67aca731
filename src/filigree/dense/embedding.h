// BERT's input embedding: the sum of a word's, a position's and a segment's vector.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

#include "filigree/numerics/matrix_view.h"

namespace filigree::dense {

// out[t] = factor * (words[ids[t]] + positions[t mod sequence] + types[type_ids[t]]).
// ids, type_ids: tokens, each a row of its table (type_ids may be empty: all 0); words: vocabulary x
// hidden, positions: at least sequence x hidden, types: any x hidden.
// Errors (usage): an id out of range, a sequence longer than the table of positions.
template <typename T>
void embed(std::span<const std::int32_t> ids, std::span<const std::int32_t> type_ids, std::int64_t sequence,
           MatrixView<const T> words, MatrixView<const T> positions, MatrixView<const T> types,
           MatrixView<T> out, std::type_identity_t<T> factor = 1);

// What the gradient of each table is multiplied by.
struct EmbeddingFactors {
  double words = 1;
  double positions = 1;
  double types = 1;
};

// Gradients of the three tables, whole (rows that no token names are zero). Each row has one owner
// and sums its tokens in a fixed order: the same bits for any number of threads.
// Errors (usage): as embed.
template <typename T>
void embed_backward(std::span<const std::int32_t> ids, std::span<const std::int32_t> type_ids,
                    std::int64_t sequence, MatrixView<const T> dout, MatrixView<T> dwords,
                    MatrixView<T> dpositions, MatrixView<T> dtypes, const EmbeddingFactors& factors = {});

// out[i] = x[rows[i]]; and its gradient dx (whole): rows may repeat.
// Errors (usage): a row out of range.
template <typename T>
void gather_rows(MatrixView<const T> x, std::span<const std::int64_t> rows, MatrixView<T> out);
template <typename T>
void gather_rows_backward(MatrixView<const T> dout, std::span<const std::int64_t> rows, MatrixView<T> dx);

}  // namespace filigree::dense
