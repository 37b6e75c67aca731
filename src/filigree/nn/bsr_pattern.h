// sparse::BsrPattern as LibTorch holds it: the class `filigree.BsrPattern` of torch.classes.
#pragma once

#include "filigree/nn/torch.h"
//
#include <algorithm>
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

// A block size as BsrPattern takes it; what is beyond int is no block size there either.
inline int block_size(std::int64_t block) {
  return static_cast<int>(std::clamp<std::int64_t>(block, -1, std::numeric_limits<int>::max()));
}

inline BsrPatternRef hold(std::shared_ptr<const sparse::BsrPattern> pattern) {
  return c10::make_intrusive<BsrPatternHolder>(std::move(pattern));
}

// The elements of contiguous values of a pattern, [blocks, block, block]. Errors (usage): any others.
template <typename T>
const T* values_of(const Tensor& values, const sparse::BsrPattern& pattern, const char* what) {
  check_cpu(values, what);
  const std::int64_t b = pattern.block();
  if (values.sizes() != at::IntArrayRef({pattern.block_count(), b, b}) || !values.is_contiguous()) {
    fail_usage("{}: wanted contiguous values of {} x {} x {}, got {} of them", what, pattern.block_count(), b,
               b, values.numel());
  }
  return values.data_ptr<T>();
}

}  // namespace filigree::nn
