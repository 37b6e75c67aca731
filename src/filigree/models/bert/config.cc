#include "filigree/models/bert/config.h"

#include <cstdlib>
#include <numeric>

#include "filigree/base/error.h"
#include "filigree/sparse/bsr_pattern.h"

namespace filigree::models {
namespace {

// The divisor of `hidden` whose heads come nearest to the usual size.
std::int64_t fitting_heads(std::int64_t hidden) {
  std::int64_t best = 1;
  for (std::int64_t heads = 2; heads <= hidden; ++heads) {
    if (hidden % heads != 0) continue;
    if (std::abs(hidden / heads - kUsualHead) < std::abs(hidden / best - kUsualHead)) best = heads;
  }
  return best;
}

std::int64_t next_multiple(std::int64_t value, std::int64_t factor) { return (value / factor + 1) * factor; }

}  // namespace

std::int64_t heads_of_usual_size(std::int64_t hidden) {
  if (hidden < kUsualHead) return 1;
  if (hidden % kUsualHead != 0) {
    const std::int64_t nearest = (hidden + kUsualHead / 2) / kUsualHead * kUsualHead;
    fail_usage("--hidden {} does not divide into heads of {}; use --hidden {}, or set --heads, such as {}",
               hidden, kUsualHead, nearest, fitting_heads(hidden));
  }
  return hidden / kUsualHead;
}

void BertConfig::check() const {
  const int b = sparsity.block;
  const bool has_blocks = sparsity.storage != Storage::kDense;
  if (has_blocks && !sparse::is_block_shape(b)) {
    fail_usage("--block {} is no size of blocks; use {}", b, sparse::block_sizes_text());
  }
  if (hidden % heads != 0) {
    fail_usage("--hidden {} is not divisible by --heads {}; use --heads {}", hidden, heads,
               fitting_heads(hidden));
  }
  if (!has_blocks) return;
  if (hidden % b != 0) {
    fail_usage("--hidden {} is not divisible by --block {}; use a multiple, such as {}", hidden, b,
               next_multiple(hidden, std::lcm<std::int64_t>(b, heads)));
  }
  if (intermediate % b != 0) {
    fail_usage("--intermediate {} is not divisible by --block {}; use a multiple, such as {}", intermediate,
               b, next_multiple(intermediate, b));
  }
}

}  // namespace filigree::models
