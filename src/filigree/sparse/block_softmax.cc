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

constexpr std::size_t kMostBlock = *std::max_element(std::begin(kBlockSizes), std::end(kBlockSizes));

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

// The values of a block row as a matrix of b rows, and back.
template <typename T>
void unpack(const T* values, std::int64_t blocks, std::int64_t b, MatrixView<T> rows) {
  for (std::int64_t p = 0; p < blocks; ++p) {
    for (std::int64_t i = 0; i < b; ++i) std::copy_n(values + (p * b + i) * b, b, rows.row(i) + p * b);
  }
}
template <typename T>
void pack(MatrixView<const T> rows, std::int64_t blocks, std::int64_t b, T* values) {
  for (std::int64_t p = 0; p < blocks; ++p) {
    for (std::int64_t i = 0; i < b; ++i) std::copy_n(rows.row(i) + p * b, b, values + (p * b + i) * b);
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
  const std::int64_t b = w.block();
  for_each_block_row(w, [&](std::int64_t first, std::int64_t blocks, std::int64_t r) {
    const MatrixView<T> rows(scratch<Scratch::kKernel, T>(b * blocks * b), b, blocks * b);
    unpack<T>(scores + first * b * b, blocks, b, rows);
    std::array<bool, kMostBlock> empty{};
    for (std::int64_t i = 0; i < b; ++i) {
      const Span kept = kept_columns(w, r * b + i, triangle);
      std::int64_t count = 0;
      for (std::int64_t p = 0; p < blocks; ++p) {
        const std::int64_t column = std::int64_t{w.column_indices()[first + p]} * b;
        T* const part = rows.row(i) + p * b;
        const std::int64_t begin = std::clamp<std::int64_t>(kept.begin - column, 0, b);
        const std::int64_t end = std::clamp<std::int64_t>(kept.end - column, begin, b);
        std::fill(part, part + begin, -std::numeric_limits<T>::infinity());
        std::fill(part + end, part + b, -std::numeric_limits<T>::infinity());
        count += end - begin;
      }
      // Any scores will do: the row is cleared below.
      empty[static_cast<std::size_t>(i)] = count == 0;
      if (count == 0) std::fill_n(rows.row(i), rows.columns, T{0});
    }
    dense::softmax_rows<T>(rows, scale);
    for (std::int64_t i = 0; i < b; ++i) {
      if (empty[static_cast<std::size_t>(i)]) std::fill_n(rows.row(i), rows.columns, T{0});
    }
    pack<T>(rows, blocks, b, probabilities + first * b * b);
  });
}

template <typename T>
void block_softmax_gradient(const BsrPattern& w, const T* probabilities, const T* dp, T scale, T* gradient) {
  const std::int64_t b = w.block();
  for_each_block_row(w, [&](std::int64_t first, std::int64_t blocks, std::int64_t) {
    T* const memory = scratch<Scratch::kKernel, T>(2 * b * blocks * b);
    const MatrixView<T> p(memory, b, blocks * b);
    const MatrixView<T> rows(memory + b * blocks * b, b, blocks * b);
    unpack<T>(probabilities + first * b * b, blocks, b, p);
    unpack<T>(dp + first * b * b, blocks, b, rows);
    dense::softmax_rows_backward<T>(p, rows, scale);
    pack<T>(rows, blocks, b, gradient + first * b * b);
  });
}

template void block_softmax<float>(const BsrPattern&, const float*, float, Triangle, float*);
template void block_softmax<double>(const BsrPattern&, const double*, double, Triangle, double*);
template void block_softmax_gradient<float>(const BsrPattern&, const float*, const float*, float, float*);
template void block_softmax_gradient<double>(const BsrPattern&, const double*, const double*, double,
                                             double*);

}  // namespace filigree::sparse
