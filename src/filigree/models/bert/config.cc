#include "filigree/models/bert/config.h"

#include <algorithm>

#include "filigree/base/error.h"

namespace filigree::models {

void BertConfig::check() const {
  if (hidden % heads != 0) {
    fail_usage("--hidden {} is not divisible by --heads {}; heads of 64 are usual: --heads {}", hidden, heads,
               std::max<std::int64_t>(1, hidden / 64));
  }
  if (sparsity.storage == Storage::kDense) return;
  const int b = sparsity.block;
  if (hidden % b != 0) {
    fail_usage("--hidden {} is not divisible by --block {}; use a multiple, such as {}", hidden, b,
               (hidden / b + 1) * b);
  }
  if (intermediate % b != 0) {
    fail_usage("--intermediate {} is not divisible by --block {}; use a multiple, such as {}", intermediate,
               b, (intermediate / b + 1) * b);
  }
}

}  // namespace filigree::models
