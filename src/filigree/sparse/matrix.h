// Sparse matrices with their values, as conversions and files give them. Plain data: what they hold is
// checked where it is converted.
#pragma once

#include <cstdint>
#include <vector>

#include "filigree/sparse/bsr_pattern.h"

namespace filigree::sparse {

template <typename T>
struct CooEntry {
  std::int64_t row = 0;
  std::int64_t column = 0;
  T value{};
  bool operator==(const CooEntry&) const = default;
};

// Elements by their coordinates, from 0.
template <typename T>
struct CooMatrix {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<CooEntry<T>> entries;
};

// Elements row by row: those of row r are [offsets[r], offsets[r + 1]) of `indices` (their columns) and
// `values`.
template <typename T>
struct CsrMatrix {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<std::int64_t> offsets;
  std::vector<std::int64_t> indices;
  std::vector<T> values;
};

// Elements column by column: those of column c are [offsets[c], offsets[c + 1]) of `indices` (their rows) and
// `values`.
template <typename T>
struct CscMatrix {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<std::int64_t> offsets;
  std::vector<std::int64_t> indices;
  std::vector<T> values;
};

// values: [block_count][b][b] in the pattern's order.
template <typename T>
struct BsrMatrix {
  BsrPattern pattern;
  std::vector<T> values;
};

}  // namespace filigree::sparse
