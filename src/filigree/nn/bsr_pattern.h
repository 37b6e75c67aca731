// sparse::BsrPattern as LibTorch holds it: the class `filigree.BsrPattern` of torch.classes.
#pragma once

#include "filigree/nn/torch.h"
//
#include <memory>

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

inline BsrPatternRef hold(std::shared_ptr<const sparse::BsrPattern> pattern) {
  return c10::make_intrusive<BsrPatternHolder>(std::move(pattern));
}

}  // namespace filigree::nn
