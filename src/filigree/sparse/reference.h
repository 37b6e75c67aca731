// The three products of products.h as plain loops: the oracle of tests, and the meaning of the others.
// No threads, no checks.
#pragma once

#include <cstdint>

#include "filigree/sparse/products.h"

namespace filigree::sparse::reference {

// f(block, first output, first input) for each block in row order.
template <typename F>
void for_each_block(const BsrPattern& w, F&& f) {
  const BlockShape b = w.block();
  for (std::int64_t r = 0; r < w.block_rows(); ++r) {
    for (std::int64_t p = w.row_offsets()[r]; p < w.row_offsets()[r + 1]; ++p)
      f(p, r * b.rows, std::int64_t{w.column_indices()[p]} * b.columns);
  }
}

// Whether an element of a block lies in the matrix: at a ragged edge it may not.
inline bool inside(const BsrPattern& w, std::int64_t row, std::int64_t column) {
  return row < w.rows() && column < w.columns();
}

template <typename T>
void dds_transposed(ConstView<T> x, const BsrPattern& w, ConstPointer<T> values, ConstPointer<T> bias,
                    MatrixView<T> y, bool accumulate = false) {
  const BlockShape b = w.block();
  for (std::int64_t t = 0; t < y.rows; ++t) {
    for (std::int64_t o = 0; o < y.columns; ++o) y(t, o) = (accumulate ? y(t, o) : 0) + (bias ? bias[o] : 0);
    for_each_block(w, [&](std::int64_t p, std::int64_t out, std::int64_t in) {
      for (std::int64_t i = 0; i < b.rows; ++i) {
        for (std::int64_t j = 0; j < b.columns; ++j) {
          if (inside(w, out + i, in + j))
            y(t, out + i) += values[(p * b.rows + i) * b.columns + j] * x(t, in + j);
        }
      }
    });
  }
}

template <typename T>
void dds(ConstView<T> dy, const BsrPattern& w, ConstPointer<T> values, MatrixView<T> dx,
         bool accumulate = false) {
  const BlockShape b = w.block();
  for (std::int64_t t = 0; t < dx.rows; ++t) {
    for (std::int64_t k = 0; k < dx.columns && !accumulate; ++k) dx(t, k) = 0;
    for_each_block(w, [&](std::int64_t p, std::int64_t out, std::int64_t in) {
      for (std::int64_t i = 0; i < b.rows; ++i) {
        for (std::int64_t j = 0; j < b.columns; ++j) {
          if (inside(w, out + i, in + j))
            dx(t, in + j) += dy(t, out + i) * values[(p * b.rows + i) * b.columns + j];
        }
      }
    });
  }
}

template <typename T>
void sdd(ConstView<T> dy, ConstView<T> x, const BsrPattern& w, T* gradient, bool accumulate = false) {
  const BlockShape b = w.block();
  for_each_block(w, [&](std::int64_t p, std::int64_t out, std::int64_t in) {
    for (std::int64_t i = 0; i < b.rows; ++i) {
      for (std::int64_t j = 0; j < b.columns; ++j) {
        T& sum = gradient[(p * b.rows + i) * b.columns + j];
        if (!accumulate) sum = 0;
        if (!inside(w, out + i, in + j)) continue;
        for (std::int64_t t = 0; t < x.rows; ++t) sum += dy(t, out + i) * x(t, in + j);
      }
    }
  });
}

}  // namespace filigree::sparse::reference
