// sparse::BsrPattern as LibTorch holds it: the class `filigree.BsrPattern` of torch.classes.
#pragma once

#include "filigree/nn/torch.h"
//
#include <algorithm>
#include <array>
#include <limits>
#include <memory>

#include "filigree/nn/views.h"
#include "filigree/sparse/bsr_pattern.h"

namespace filigree::nn {

struct BsrPatternHolder : torch::CustomClassHolder {
  explicit BsrPatternHolder(sparse::BsrPattern pattern)
      : pattern(std::make_shared<const sparse::BsrPattern>(std::move(pattern))) {}
  explicit BsrPatternHolder(std::shared_ptr<const sparse::BsrPattern> pattern)
      : pattern(std::move(pattern)) {}

  std::shared_ptr<const sparse::BsrPattern> pattern;
};

using BsrPatternRef = c10::intrusive_ptr<BsrPatternHolder>;

// Rows and columns of a block as BsrPattern takes them; what is beyond int is no block there either.
inline sparse::BlockShape block_shape(std::int64_t rows, std::int64_t columns) {
  const auto side = [](std::int64_t size) {
    return static_cast<int>(std::clamp<std::int64_t>(size, -1, std::numeric_limits<int>::max()));
  };
  return {side(rows), side(columns)};
}

// Of the values of a pattern: [blocks, rows, columns].
inline std::array<std::int64_t, 3> value_sizes(const sparse::BsrPattern& pattern) {
  return {pattern.block_count(), pattern.block().rows, pattern.block().columns};
}

inline BsrPatternRef hold(std::shared_ptr<const sparse::BsrPattern> pattern) {
  return c10::make_intrusive<BsrPatternHolder>(std::move(pattern));
}

// The elements of contiguous values of a pattern, of value_sizes(). Errors (usage): any others.
template <typename T>
const T* values_of(const Tensor& values, const sparse::BsrPattern& pattern, const char* what) {
  check_cpu(values, what);
  const std::array<std::int64_t, 3> sizes = value_sizes(pattern);
  if (values.sizes() != at::IntArrayRef(sizes) || !values.is_contiguous()) {
    fail_usage("{}: wanted contiguous values of {} x {} x {}, got {} of them", what, sizes[0], sizes[1],
               sizes[2], values.numel());
  }
  return values.data_ptr<T>();
}

}  // namespace filigree::nn
