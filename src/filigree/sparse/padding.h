// Products of ragged patterns: copies of activations, with zeros up to the last block's end. Not for users.
#pragma once

#include <algorithm>
#include <cstdint>

#include "filigree/base/parallel.h"
#include "filigree/numerics/matrix_view.h"
#include "filigree/sparse/product_parts.h"

namespace filigree::sparse {

// `rows` x `columns` elements that hold `from` and zeros behind it; `from` itself where it has that size.
template <typename T, Scratch kPurpose = Scratch::kPaddedInput>
class PaddedInput {
 public:
  PaddedInput(MatrixView<const T> from, std::int64_t rows, std::int64_t columns) : view_(from) {
    if (from.rows == rows && from.columns == columns) return;
    constexpr std::int64_t kRowsPerTask = 16;
    T* const padded = scratch<kPurpose, T>(rows * columns);
    parallel_chunks(rows, kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        T* const to = padded + r * columns;
        const std::int64_t kept = r < from.rows ? from.columns : 0;
        if (kept > 0) std::copy_n(from.row(r), kept, to);
        std::fill(to + kept, to + columns, T{});
      }
    });
    view_ = MatrixView<const T>(padded, rows, columns);
  }
  PaddedInput(const PaddedInput&) = delete;
  PaddedInput& operator=(const PaddedInput&) = delete;

  MatrixView<const T> view() const { return view_; }

 private:
  MatrixView<const T> view_;
};

// A place for `rows` x `columns` results, of which finish() copies those that `to` has room for. Holds what
// is in `to` where `keep`. `to` itself where it has that size.
template <typename T>
class PaddedOutput {
 public:
  PaddedOutput(MatrixView<T> to, std::int64_t rows, std::int64_t columns, bool keep) : to_(to), view_(to) {
    if (to.rows == rows && to.columns == columns) return;
    view_ = MatrixView<T>(scratch<Scratch::kPaddedOutput, T>(rows * columns), rows, columns);
    if (keep) copy<T>(to_, view_);
  }
  PaddedOutput(const PaddedOutput&) = delete;
  PaddedOutput& operator=(const PaddedOutput&) = delete;

  MatrixView<T> view() const { return view_; }
  void finish() const {
    if (view_.data != to_.data) copy<T>(view_, to_);
  }

 private:
  // What both have room for.
  template <typename U>
  static void copy(MatrixView<const U> from, MatrixView<U> to) {
    constexpr std::int64_t kRowsPerTask = 16;
    const std::int64_t columns = std::min(from.columns, to.columns);
    parallel_chunks(std::min(from.rows, to.rows), kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) std::copy_n(from.row(r), columns, to.row(r));
    });
  }

  MatrixView<T> to_;
  MatrixView<T> view_;
};

// A bias with zeros up to `size` elements; nullptr stays nullptr.
template <typename T>
class PaddedBias {
 public:
  PaddedBias(const T* bias, std::int64_t count, std::int64_t size) : bias_(bias) {
    if (bias == nullptr || count == size) return;
    T* const padded = scratch<Scratch::kPaddedSecond, T>(size);
    std::fill(std::copy_n(bias, count, padded), padded + size, T{});
    bias_ = padded;
  }
  PaddedBias(const PaddedBias&) = delete;
  PaddedBias& operator=(const PaddedBias&) = delete;

  const T* data() const { return bias_; }

 private:
  const T* bias_;
};

}  // namespace filigree::sparse
