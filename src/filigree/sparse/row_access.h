// Rows of a block-sparse matrix, taken and added to by their numbers: an embedding whose table is sparse, as
// PopSparse's embeddingSlice and embeddingUpdateAdd have it.
#pragma once

#include <cstdint>
#include <span>

#include "filigree/numerics/matrix_view.h"
#include "filigree/sparse/products.h"

namespace filigree::sparse {

// out[t] = row rows[t] of w, with zeros where there is no block. out: [rows.size(), w.columns()]. T: float,
// double, BFloat16. Errors (usage): a view of another shape; (bad data) a row out of range, with its place in
// `rows`.
template <typename T>
void take_rows(const BsrPattern& w, ConstPointer<T> values, std::span<const std::int64_t> rows,
               MatrixView<T> out);

// values += scale * dy[t] at w's blocks of row rows[t], for each t in its order; rows may repeat. dy: as out.
// What dy has where there is no block is lost. T: float, double. The same bits for any number of threads.
// Errors: as take_rows; values stay as they were then.
template <typename T>
void add_rows(const BsrPattern& w, ConstView<T> dy, std::span<const std::int64_t> rows,
              std::type_identity_t<T> scale, T* values);

}  // namespace filigree::sparse
