#include "filigree/sparse/conversion.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <type_traits>
#include <utility>

#include "filigree/base/error.h"

namespace filigree::sparse {
namespace {

enum class Major { kRow, kColumn };

template <typename T>
auto key(const CooEntry<T>& entry, Major major) {
  return major == Major::kRow ? std::pair(entry.row, entry.column) : std::pair(entry.column, entry.row);
}

template <typename T>
void sort(std::vector<CooEntry<T>>& entries, Major major) {
  std::stable_sort(entries.begin(), entries.end(), [major](const CooEntry<T>& a, const CooEntry<T>& b) {
    return key(a, major) < key(b, major);
  });
}

template <typename T>
void check_entry(const CooEntry<T>& entry, std::int64_t rows, std::int64_t columns) {
  if (entry.row < 0 || entry.row >= rows || entry.column < 0 || entry.column >= columns) {
    fail_data("element ({}, {}) lies outside a matrix of {} x {}", entry.row, entry.column, rows, columns);
  }
  if (!std::isfinite(entry.value)) {
    fail_data("element ({}, {}) is {}: values must be finite", entry.row, entry.column, entry.value);
  }
}

// Checks, and makes canonical what may be: rising along `major`.
template <typename T>
std::vector<CooEntry<T>> canonical_entries(std::vector<CooEntry<T>> entries, std::int64_t rows,
                                           std::int64_t columns, Canonical canonical, Major major) {
  for (const CooEntry<T>& entry : entries) check_entry(entry, rows, columns);
  if (canonical != Canonical::kRequire) sort(entries, major);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const CooEntry<T>& entry = entries[i];
    if (kept == 0 || key(entries[kept - 1], major) < key(entry, major)) {
      entries[kept++] = entry;
      continue;
    }
    if (key(entry, major) < key(entries[kept - 1], major)) {
      fail_data("element ({}, {}) comes after ({}, {}): they must rise by {}; sort them", entry.row,
                entry.column, entries[kept - 1].row, entries[kept - 1].column,
                major == Major::kRow ? "row, then by column" : "column, then by row");
    }
    if (canonical != Canonical::kSum) {
      fail_data("element ({}, {}) is there twice; add up what is there more than once", entry.row,
                entry.column);
    }
    entries[kept - 1].value += entry.value;
    check_entry(entries[kept - 1], rows, columns);
  }
  entries.resize(kept);
  return entries;
}

template <typename T>
BsrMatrix<T> from_canonical(std::span<const CooEntry<T>> entries, std::int64_t rows, std::int64_t columns,
                            BlockShape block) {
  (void)block_count_for_density(rows, columns, block, 1.0);  // refuses shapes before any block is looked for
  const std::int64_t height = block.rows;
  const std::int64_t width = block.columns;
  const std::int64_t block_rows = (rows + height - 1) / height;
  std::vector<std::int32_t> row_offsets{0};
  row_offsets.reserve(static_cast<std::size_t>(block_rows) + 1);
  std::vector<std::int32_t> column_indices;
  std::vector<std::int32_t> found;
  const auto row_end = [&](std::size_t begin, std::int64_t block_row) {
    std::size_t end = begin;
    while (end < entries.size() && entries[end].row < (block_row + 1) * height) ++end;
    return end;
  };
  for (std::size_t begin = 0; static_cast<std::int64_t>(row_offsets.size()) <= block_rows;) {
    const std::size_t end = row_end(begin, static_cast<std::int64_t>(row_offsets.size()) - 1);
    found.clear();
    for (std::size_t i = begin; i < end; ++i) {
      found.push_back(static_cast<std::int32_t>(entries[i].column / width));
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    column_indices.insert(column_indices.end(), found.begin(), found.end());
    row_offsets.push_back(static_cast<std::int32_t>(column_indices.size()));
    begin = end;
  }
  BsrMatrix<T> result{BsrPattern(rows, columns, block, std::move(row_offsets), std::move(column_indices)),
                      {}};
  result.values.assign(static_cast<std::size_t>(result.pattern.value_count()), T{0});
  const std::span<const std::int32_t> indices = result.pattern.column_indices();
  const std::span<const std::int32_t> offsets = result.pattern.row_offsets();
  for (const CooEntry<T>& entry : entries) {
    const auto r = static_cast<std::size_t>(entry.row / height);
    const auto first = indices.begin() + offsets[r];
    const auto place = std::lower_bound(first, indices.begin() + offsets[r + 1],
                                        static_cast<std::int32_t>(entry.column / width));
    const std::int64_t position = place - indices.begin();
    result.values[static_cast<std::size_t>((position * height + entry.row % height) * width +
                                           entry.column % width)] = entry.value;
  }
  return result;
}

// The elements of CSR or CSC, in their order; `major` is what offsets are of.
template <typename T, typename Compressed>
std::vector<CooEntry<T>> entries_of(const Compressed& matrix, std::int64_t majors, const char* major) {
  const auto count = static_cast<std::int64_t>(matrix.indices.size());
  if (matrix.rows < 1 || matrix.columns < 1) {
    fail_data("a matrix of {} x {} has no element", matrix.rows, matrix.columns);
  }
  if (static_cast<std::int64_t>(matrix.offsets.size()) != majors + 1) {
    fail_data("a matrix of {} {}s needs {} offsets, but has {}", majors, major, majors + 1,
              matrix.offsets.size());
  }
  if (matrix.values.size() != matrix.indices.size()) {
    fail_data("a matrix has {} indices but {} values", matrix.indices.size(), matrix.values.size());
  }
  if (matrix.offsets.front() != 0 || matrix.offsets.back() != count) {
    fail_data("offsets run from {} to {} instead of from 0 to {}, the number of elements",
              matrix.offsets.front(), matrix.offsets.back(), count);
  }
  std::vector<CooEntry<T>> entries;
  entries.reserve(matrix.indices.size());
  for (std::int64_t m = 0; m < majors; ++m) {
    const std::int64_t begin = matrix.offsets[static_cast<std::size_t>(m)];
    const std::int64_t end = matrix.offsets[static_cast<std::size_t>(m) + 1];
    if (end < begin || end > count) {
      fail_data("offsets fall, or pass the {} elements, at {} {} ({} to {})", count, major, m, begin, end);
    }
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t minor = matrix.indices[static_cast<std::size_t>(i)];
      const T value = matrix.values[static_cast<std::size_t>(i)];
      if constexpr (std::is_same_v<Compressed, CsrMatrix<T>>) {
        entries.push_back({m, minor, value});
      } else {
        entries.push_back({minor, m, value});
      }
    }
  }
  return entries;
}

template <typename T, typename Compressed>
Compressed compress(const BsrMatrix<T>& matrix, StoredZeros zeros) {
  constexpr bool kByRow = std::is_same_v<Compressed, CsrMatrix<T>>;
  CooMatrix<T> coo = to_coo(matrix, zeros);
  if constexpr (!kByRow) {
    sort(coo.entries, Major::kColumn);
  }
  Compressed result;
  result.rows = coo.rows;
  result.columns = coo.columns;
  result.offsets.assign(static_cast<std::size_t>(kByRow ? coo.rows : coo.columns) + 1, 0);
  result.indices.reserve(coo.entries.size());
  result.values.reserve(coo.entries.size());
  for (const CooEntry<T>& entry : coo.entries) {
    ++result.offsets[static_cast<std::size_t>(kByRow ? entry.row : entry.column) + 1];
    result.indices.push_back(kByRow ? entry.column : entry.row);
    result.values.push_back(entry.value);
  }
  std::partial_sum(result.offsets.begin(), result.offsets.end(), result.offsets.begin());
  return result;
}

// Blocks of a dense matrix in row order.
template <typename T, typename Keep>
BsrMatrix<T> from_blocks(MatrixView<const T> matrix, BlockShape block, const Keep& keep) {
  const std::int64_t height = block.rows;
  const std::int64_t width = block.columns;
  const std::int64_t block_rows = (matrix.rows + height - 1) / height;
  const std::int64_t block_columns = (matrix.columns + width - 1) / width;
  std::vector<std::int32_t> row_offsets{0};
  row_offsets.reserve(static_cast<std::size_t>(block_rows) + 1);
  std::vector<std::int32_t> column_indices;
  for (std::int64_t r = 0; r < block_rows; ++r) {
    for (std::int64_t c = 0; c < block_columns; ++c) {
      if (keep(r, c)) column_indices.push_back(static_cast<std::int32_t>(c));
    }
    row_offsets.push_back(static_cast<std::int32_t>(column_indices.size()));
  }
  BsrMatrix<T> result{
      BsrPattern(matrix.rows, matrix.columns, block, std::move(row_offsets), std::move(column_indices)), {}};
  result.values.reserve(static_cast<std::size_t>(result.pattern.value_count()));
  result.pattern.for_each_block([&](std::int64_t, std::int64_t r, std::int64_t c) {
    for (std::int64_t i = r * height; i < (r + 1) * height; ++i) {
      for (std::int64_t j = c * width; j < (c + 1) * width; ++j) {
        result.values.push_back(i < matrix.rows && j < matrix.columns ? matrix(i, j) : T{0});
      }
    }
  });
  return result;
}

// The sum of magnitudes of each block. Refuses shapes and values that are not finite.
template <typename T>
std::vector<double> block_sums(MatrixView<const T> matrix, BlockShape block) {
  const std::int64_t count = block_count_for_density(matrix.rows, matrix.columns, block, 1.0);
  const std::int64_t block_columns = (matrix.columns + block.columns - 1) / block.columns;
  std::vector<double> sums(static_cast<std::size_t>(count), 0.0);
  for (std::int64_t r = 0; r < matrix.rows; ++r) {
    for (std::int64_t c = 0; c < matrix.columns; ++c) {
      check_entry(CooEntry<T>{r, c, matrix(r, c)}, matrix.rows, matrix.columns);
      sums[static_cast<std::size_t>(r / block.rows * block_columns + c / block.columns)] +=
          std::abs(static_cast<double>(matrix(r, c)));
    }
  }
  return sums;
}

}  // namespace

template <typename T>
BsrMatrix<T> bsr_from_coo(const CooMatrix<T>& matrix, BlockShape block, Canonical canonical) {
  const std::vector<CooEntry<T>> entries =
      canonical_entries(matrix.entries, matrix.rows, matrix.columns, canonical, Major::kRow);
  return from_canonical<T>(entries, matrix.rows, matrix.columns, block);
}

template <typename T>
BsrMatrix<T> bsr_from_csr(const CsrMatrix<T>& matrix, BlockShape block, Canonical canonical) {
  const std::vector<CooEntry<T>> entries = canonical_entries(
      entries_of<T>(matrix, matrix.rows, "row"), matrix.rows, matrix.columns, canonical, Major::kRow);
  return from_canonical<T>(entries, matrix.rows, matrix.columns, block);
}

template <typename T>
BsrMatrix<T> bsr_from_csc(const CscMatrix<T>& matrix, BlockShape block, Canonical canonical) {
  std::vector<CooEntry<T>> entries =
      canonical_entries(entries_of<T>(matrix, matrix.columns, "column"), matrix.rows, matrix.columns,
                        canonical, Major::kColumn);
  sort(entries, Major::kRow);
  return from_canonical<T>(entries, matrix.rows, matrix.columns, block);
}

template <typename T>
BsrMatrix<T> bsr_from_dense(MatrixView<const T> matrix, BlockShape block) {
  const std::vector<double> sums = block_sums(matrix, block);
  const std::int64_t block_columns = (matrix.columns + block.columns - 1) / block.columns;
  return from_blocks(matrix, block, [&](std::int64_t r, std::int64_t c) {
    return sums[static_cast<std::size_t>(r * block_columns + c)] > 0;
  });
}

template <typename T>
BsrMatrix<T> bsr_from_dense(MatrixView<const T> matrix, BlockShape block, double density) {
  const std::int64_t count = block_count_for_density(matrix.rows, matrix.columns, block, density);
  const std::vector<double> sums = block_sums(matrix, block);
  std::vector<std::int64_t> order(sums.size());
  std::iota(order.begin(), order.end(), 0);
  std::nth_element(order.begin(), order.begin() + (count - 1), order.end(),
                   [&](std::int64_t a, std::int64_t b) {
                     const double sum_a = sums[static_cast<std::size_t>(a)];
                     const double sum_b = sums[static_cast<std::size_t>(b)];
                     return sum_a != sum_b ? sum_a > sum_b : a < b;
                   });
  std::vector<bool> kept(sums.size(), false);
  for (std::int64_t i = 0; i < count; ++i) {
    kept[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = true;
  }
  const std::int64_t block_columns = (matrix.columns + block.columns - 1) / block.columns;
  return from_blocks(matrix, block, [&](std::int64_t r, std::int64_t c) {
    return kept[static_cast<std::size_t>(r * block_columns + c)];
  });
}

template <typename T>
BsrMatrix<T> bsr_from_mask(MatrixView<const T> matrix, MatrixView<const std::uint8_t> mask,
                           BlockShape block) {
  if (mask.rows != matrix.rows || mask.columns != matrix.columns) {
    fail_usage("a mask of {} x {} does not fit a matrix of {} x {}", mask.rows, mask.columns, matrix.rows,
               matrix.columns);
  }
  CooMatrix<T> coo{matrix.rows, matrix.columns, {}};
  for (std::int64_t r = 0; r < matrix.rows; ++r) {
    for (std::int64_t c = 0; c < matrix.columns; ++c) {
      if (mask(r, c) != 0) coo.entries.push_back({r, c, matrix(r, c)});
    }
  }
  return bsr_from_coo(coo, block);
}

template <typename T>
CooMatrix<T> to_coo(const BsrMatrix<T>& matrix, StoredZeros zeros) {
  const BsrPattern& w = matrix.pattern;
  if (std::ssize(matrix.values) != w.value_count()) {
    fail_data("a block-sparse matrix of {} blocks needs {} values, but has {}", w.block_count(),
              w.value_count(), matrix.values.size());
  }
  const std::int64_t height = w.block().rows;
  const std::int64_t width = w.block().columns;
  CooMatrix<T> result{w.rows(), w.columns(), {}};
  result.entries.reserve(matrix.values.size());
  for (std::int64_t r = 0; r < w.rows(); ++r) {
    const auto row = static_cast<std::size_t>(r / height);
    for (std::int64_t q = w.row_offsets()[row]; q < w.row_offsets()[row + 1]; ++q) {
      const std::int64_t first = w.column_indices()[static_cast<std::size_t>(q)] * width;
      for (std::int64_t j = 0; j < std::min(width, w.columns() - first); ++j) {
        const T value = matrix.values[static_cast<std::size_t>((q * height + r % height) * width + j)];
        if (value == T{0} && zeros == StoredZeros::kDrop) continue;
        result.entries.push_back({r, first + j, value});
      }
    }
  }
  return result;
}

template <typename T>
CsrMatrix<T> to_csr(const BsrMatrix<T>& matrix, StoredZeros zeros) {
  return compress<T, CsrMatrix<T>>(matrix, zeros);
}

template <typename T>
CscMatrix<T> to_csc(const BsrMatrix<T>& matrix, StoredZeros zeros) {
  return compress<T, CscMatrix<T>>(matrix, zeros);
}

template <typename T>
std::vector<T> to_dense(const BsrMatrix<T>& matrix) {
  std::vector<T> dense(static_cast<std::size_t>(matrix.pattern.rows() * matrix.pattern.columns()), T{0});
  for (const CooEntry<T>& entry : to_coo(matrix).entries) {
    dense[static_cast<std::size_t>(entry.row * matrix.pattern.columns() + entry.column)] = entry.value;
  }
  return dense;
}

#define FILIGREE_INSTANTIATE(T)                                                                            \
  template BsrMatrix<T> bsr_from_coo<T>(const CooMatrix<T>&, BlockShape, Canonical);                       \
  template BsrMatrix<T> bsr_from_csr<T>(const CsrMatrix<T>&, BlockShape, Canonical);                       \
  template BsrMatrix<T> bsr_from_csc<T>(const CscMatrix<T>&, BlockShape, Canonical);                       \
  template BsrMatrix<T> bsr_from_dense<T>(MatrixView<const T>, BlockShape);                                \
  template BsrMatrix<T> bsr_from_dense<T>(MatrixView<const T>, BlockShape, double);                        \
  template BsrMatrix<T> bsr_from_mask<T>(MatrixView<const T>, MatrixView<const std::uint8_t>, BlockShape); \
  template CooMatrix<T> to_coo<T>(const BsrMatrix<T>&, StoredZeros);                                       \
  template CsrMatrix<T> to_csr<T>(const BsrMatrix<T>&, StoredZeros);                                       \
  template CscMatrix<T> to_csc<T>(const BsrMatrix<T>&, StoredZeros);                                       \
  template std::vector<T> to_dense<T>(const BsrMatrix<T>&);
FILIGREE_INSTANTIATE(float)
FILIGREE_INSTANTIATE(double)
#undef FILIGREE_INSTANTIATE

}  // namespace filigree::sparse
