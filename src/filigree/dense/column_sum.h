// Sums over the rows of a matrix in an order that no number of threads changes.
#pragma once

#include <cstdint>
#include <utility>

#include "filigree/base/aligned.h"
#include "filigree/base/parallel.h"
#include "filigree/numerics/matrix_view.h"

namespace filigree::dense {

// Rows that one task sums before the partial sums are added up in order.
inline constexpr std::int64_t kRowsPerPartial = 64;

// Runs body(begin, end, partial) over chunks of rows, where `partial` is `width` zeros that the body
// adds its rows' contributions to, then gives out[c] = sum of the partials in rising order. The
// chunks depend on `rows` alone, so the sums have the same bits for any number of threads.
// `out` nullptr: the sums are not wanted; the body still runs and `partial` may be ignored.
template <typename T, typename Body>
void for_rows_with_sums(std::int64_t rows, std::int64_t width, T* out, Body&& body) {
  const std::int64_t chunks = (rows + kRowsPerPartial - 1) / kRowsPerPartial;
  AlignedVector<T> partials(static_cast<std::size_t>(chunks * width), T(0));
  parallel_tasks(chunks, [&](std::int64_t chunk, int) {
    const std::int64_t begin = chunk * kRowsPerPartial;
    body(begin, std::min(rows, begin + kRowsPerPartial), partials.data() + chunk * width);
  });
  if (out == nullptr) return;
  constexpr std::int64_t kColumns = 512;
  parallel_chunks(width, kColumns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = begin; c < end; ++c) out[c] = T(0);
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      const T* partial = partials.data() + chunk * width;
      for (std::int64_t c = begin; c < end; ++c) out[c] += partial[c];
    }
  });
}

// out[c] = sum over rows of x.
template <typename T>
void column_sum(MatrixView<const T> x, T* out);

}  // namespace filigree::dense
