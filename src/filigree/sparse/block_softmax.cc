#include "filigree/sparse/block_softmax.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>

#include "filigree/base/parallel.h"
#include "filigree/dense/softmax.h"
#include "filigree/sparse/product_parts.h"

namespace filigree::sparse {
namespace {

constexpr std::size_t kMostRows =
    std::max_element(std::begin(kBlockShapes), std::end(kBlockShapes), [](BlockShape a, BlockShape b) {
      return a.rows < b.rows;
    })->rows;

// Calls body(first block, blocks, block row) for each block row that has any, on all threads.
template <typename Body>
void for_each_block_row(const BsrPattern& w, const Body& body) {
  constexpr std::int64_t kRowsPerTask = 1;
  parallel_chunks(w.block_rows(), kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const std::int64_t first = w.row_offsets()[r];
      const std::int64_t blocks = w.row_offsets()[r + 1] - first;
      if (blocks > 0) body(first, blocks, r);
    }
  });
}

// The values of a block row as a matrix of as many rows as a block has, and back.
template <typename T>
void unpack(const T* values, std::int64_t blocks, BlockShape b, MatrixView<T> rows) {
  for (std::int64_t p = 0; p < blocks; ++p) {
    for (std::int64_t i = 0; i < b.rows; ++i) {
      std::copy_n(values + (p * b.rows + i) * b.columns, b.columns, rows.row(i) + p * b.columns);
    }
  }
}
template <typename T>
void pack(MatrixView<const T> rows, std::int64_t blocks, BlockShape b, T* values) {
  for (std::int64_t p = 0; p < blocks; ++p) {
    for (std::int64_t i = 0; i < b.rows; ++i) {
      std::copy_n(rows.row(i) + p * b.columns, b.columns, values + (p * b.rows + i) * b.columns);
    }
  }
}

// The columns of `row` that take part.
struct Span {
  std::int64_t begin;
  std::int64_t end;
};
Span kept_columns(const BsrPattern& w, std::int64_t row, Triangle triangle) {
  if (row >= w.rows()) return {0, 0};
  switch (triangle) {
    case Triangle::kLower: return {0, std::min(row + 1, w.columns())};
    case Triangle::kUpper: return {std::min(row, w.columns()), w.columns()};
    case Triangle::kWhole: break;
  }
  return {0, w.columns()};
}

}  // namespace

template <typename T>
void block_softmax(const BsrPattern& w, const T* scores, T scale, Triangle triangle, T* probabilities) {
  if (!(scale > 0)) fail_usage("block_softmax: a scale of {} is not above 0", scale);
  const BlockShape b = w.block();
  for_each_block_row(w, [&](std::int64_t first, std::int64_t blocks, std::int64_t r) {
    const MatrixView<T> rows(scratch<Scratch::kKernel, T>(blocks * b.values()), b.rows, blocks * b.columns);
    unpack<T>(scores + first * b.values(), blocks, b, rows);
    std::array<bool, kMostRows> empty{};
    for (std::int64_t i = 0; i < b.rows; ++i) {
      const Span kept = kept_columns(w, r * b.rows + i, triangle);
      std::int64_t count = 0;
      for (std::int64_t p = 0; p < blocks; ++p) {
        const std::int64_t column = std::int64_t{w.column_indices()[first + p]} * b.columns;
        T* const part = rows.row(i) + p * b.columns;
        const std::int64_t begin = std::clamp<std::int64_t>(kept.begin - column, 0, b.columns);
        const std::int64_t end = std::clamp<std::int64_t>(kept.end - column, begin, b.columns);
        std::fill(part, part + begin, -std::numeric_limits<T>::infinity());
        std::fill(part + end, part + b.columns, -std::numeric_limits<T>::infinity());
        count += end - begin;
      }
      // Any scores will do: the row is cleared below.
      empty[static_cast<std::size_t>(i)] = count == 0;
      if (count == 0) std::fill_n(rows.row(i), rows.columns, T{0});
    }
    dense::softmax_rows<T>(rows, scale);
    for (std::int64_t i = 0; i < b.rows; ++i) {
      if (empty[static_cast<std::size_t>(i)]) std::fill_n(rows.row(i), rows.columns, T{0});
    }
    pack<T>(rows, blocks, b, probabilities + first * b.values());
  });
}

template <typename T>
void block_softmax_gradient(const BsrPattern& w, const T* probabilities, const T* dp, T scale, T* gradient) {
  const BlockShape b = w.block();
  for_each_block_row(w, [&](std::int64_t first, std::int64_t blocks, std::int64_t) {
    T* const memory = scratch<Scratch::kKernel, T>(2 * blocks * b.values());
    const MatrixView<T> p(memory, b.rows, blocks * b.columns);
    const MatrixView<T> rows(memory + blocks * b.values(), b.rows, blocks * b.columns);
    unpack<T>(probabilities + first * b.values(), blocks, b, p);
    unpack<T>(dp + first * b.values(), blocks, b, rows);
    dense::softmax_rows_backward<T>(p, rows, scale);
    pack<T>(rows, blocks, b, gradient + first * b.values());
  });
}

template void block_softmax<float>(const BsrPattern&, const float*, float, Triangle, float*);
template void block_softmax<double>(const BsrPattern&, const double*, double, Triangle, double*);
template void block_softmax_gradient<float>(const BsrPattern&, const float*, const float*, float, float*);
template void block_softmax_gradient<double>(const BsrPattern&, const double*, const double*, double,
                                             double*);

}  // namespace filigree::sparse
