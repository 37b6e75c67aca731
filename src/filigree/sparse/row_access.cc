#include "filigree/sparse/row_access.h"

#include <algorithm>

#include "filigree/base/parallel.h"
#include "filigree/sparse/product_parts.h"

namespace filigree::sparse {
namespace {

void check_rows(const char* name, const BsrPattern& w, std::span<const std::int64_t> rows) {
  for (std::size_t t = 0; t < rows.size(); ++t) {
    if (rows[t] < 0 || rows[t] >= w.rows()) {
      fail_data("{}: element {} asks for row {} of a matrix that has {}", name, t, rows[t], w.rows());
    }
  }
}

// Calls part(place among the values, first column, count) for each block of a row, as far as it lies within
// the matrix.
template <typename Part>
void for_each_part(const BsrPattern& w, std::int64_t row, const Part& part) {
  const std::int64_t height = w.block().rows;
  const std::int64_t width = w.block().columns;
  const std::int64_t r = row / height;
  for (std::int64_t p = w.row_offsets()[r]; p < w.row_offsets()[r + 1]; ++p) {
    const std::int64_t column = std::int64_t{w.column_indices()[p]} * width;
    part((p * height + row % height) * width, column, std::min(width, w.columns() - column));
  }
}

}  // namespace

template <typename T>
void take_rows(const BsrPattern& w, ConstPointer<T> values, std::span<const std::int64_t> rows,
               MatrixView<T> out) {
  constexpr std::int64_t kRowsPerTask = 16;
  const auto count = static_cast<std::int64_t>(rows.size());
  check_view("take_rows", "out", out, count, w.columns());
  check_rows("take_rows", w, rows);
  parallel_chunks(count, kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      T* const to = out.row(t);
      std::fill_n(to, out.columns, T{});
      for_each_part(w, rows[static_cast<std::size_t>(t)],
                    [&](std::int64_t place, std::int64_t column, std::int64_t elements) {
                      std::copy_n(values + place, elements, to + column);
                    });
    }
  });
}

// Each thread has the rows of some block rows: it looks through all numbers for its own.
template <typename T>
void add_rows(const BsrPattern& w, ConstView<T> dy, std::span<const std::int64_t> rows,
              std::type_identity_t<T> scale, T* values) {
  const auto count = static_cast<std::int64_t>(rows.size());
  check_view("add_rows", "dy", dy, count, w.columns());
  check_rows("add_rows", w, rows);
  const std::int64_t parts = std::min<std::int64_t>(thread_count(), w.block_rows());
  parallel_tasks(parts, [&](std::int64_t part, int) {
    const std::int64_t first = w.block_rows() * part / parts * w.block().rows;
    const std::int64_t last = w.block_rows() * (part + 1) / parts * w.block().rows;
    for (std::int64_t t = 0; t < count; ++t) {
      const std::int64_t row = rows[static_cast<std::size_t>(t)];
      if (row < first || row >= last) continue;
      const T* const from = dy.row(t);
      for_each_part(w, row, [&](std::int64_t place, std::int64_t column, std::int64_t elements) {
        for (std::int64_t j = 0; j < elements; ++j) values[place + j] += scale * from[column + j];
      });
    }
  });
}

template void take_rows<float>(const BsrPattern&, const float*, std::span<const std::int64_t>,
                               MatrixView<float>);
template void take_rows<double>(const BsrPattern&, const double*, std::span<const std::int64_t>,
                                MatrixView<double>);
template void take_rows<BFloat16>(const BsrPattern&, const BFloat16*, std::span<const std::int64_t>,
                                  MatrixView<BFloat16>);
template void add_rows<float>(const BsrPattern&, ConstView<float>, std::span<const std::int64_t>, float,
                              float*);
template void add_rows<double>(const BsrPattern&, ConstView<double>, std::span<const std::int64_t>, double,
                               double*);

}  // namespace filigree::sparse
