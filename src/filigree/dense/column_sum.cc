#include "filigree/dense/column_sum.h"

namespace filigree::dense {

template <typename T>
void column_sum(MatrixView<const T> x, T* out) {
  for_rows_with_sums(x.rows, x.columns, out, [&](std::int64_t begin, std::int64_t end, T* partial) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T* row = x.row(r);
      for (std::int64_t c = 0; c < x.columns; ++c) partial[c] += row[c];
    }
  });
}

template void column_sum(MatrixView<const float>, float*);
template void column_sum(MatrixView<const double>, double*);

}  // namespace filigree::dense
