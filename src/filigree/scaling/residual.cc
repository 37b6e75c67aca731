#include "filigree/scaling/residual.h"

#include <cmath>
#include <limits>

#include "filigree/base/error.h"
#include "filigree/scaling/arguments.h"

namespace filigree::scaling {

ResidualWeights residual_weights(VarianceShare share) {
  checked_between(share.tau, 0, 1, "a branch's share of the variance");
  return {.skip = std::sqrt(1 - share.tau), .branch = std::sqrt(share.tau)};
}

ResidualWeights residual_weights(BranchRatio ratio) {
  checked_between(ratio.tau, 0, std::numeric_limits<double>::max(), "a branch's ratio to the skip");
  const double norm = std::hypot(1, ratio.tau);
  return {.skip = 1 / norm, .branch = ratio.tau / norm};
}

VarianceShare running_mean(std::int64_t index) {
  if (index < 0) fail_usage("residual sublayers are counted from 0, not from {}", index);
  return {1 / (1 + static_cast<double>(index))};
}

BranchRatio transformer_residual(std::int64_t index, const TransformerDepth& depth) {
  const double sublayers = checked_size(depth.sublayers, "residual sublayers");
  if (depth.sublayers % 2 != 0) {
    fail_usage("a transformer has two residual sublayers a layer, {} are not even", depth.sublayers);
  }
  if (index < 0 || index >= depth.sublayers) {
    fail_usage("residual sublayer {} is none of 0 to {}", index, depth.sublayers - 1);
  }
  checked_between(depth.residual_mult, 1e-6, 1e6, "residual_mult");
  checked_between(depth.attn_ratio, 1e-6, 1e6, "attn_ratio");
  // Squares of the branches' weights, beside the embedding's sublayers / 2.
  const double feed_forward =
      depth.residual_mult * depth.residual_mult * 2 / (1 + depth.attn_ratio * depth.attn_ratio);
  const double attention = depth.attn_ratio * depth.attn_ratio * feed_forward;
  const bool is_attention = index % 2 == 0;
  const double layers_before = static_cast<double>(index - index % 2) / 2;
  const double before = layers_before * (attention + feed_forward) + (is_attention ? 0 : attention);
  return {std::sqrt((is_attention ? attention : feed_forward) / (sublayers / 2 + before))};
}

}  // namespace filigree::scaling
