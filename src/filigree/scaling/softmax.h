// Ideal factors of a softmax and of the softmax cross-entropy, exact for logits that are independent and
// normal; Unit Scaling (arXiv 2303.11257, table A.2) has those of logits that are all the same.
#pragma once

#include <cstdint>

#include "filigree/scaling/factors.h"

namespace filigree::scaling {

// y = softmax(multiplier * x) over `classes` values that are N(0, 1). Outputs are positive: their root mean
// square becomes 1, not their standard deviation. Inputs: x.
// Errors (usage): fewer than 2 classes (one has no gradient); a multiplier outside [1e-6, 256].
Factors softmax(std::int64_t classes, double multiplier = 1);

struct CrossEntropyShape {
  std::int64_t classes = 0;
  // The loss is the mean over this many tokens: those that are not masked, over the global batch. 1 for a
  // sum.
  std::int64_t live_tokens = 0;
  // The part of the target that is spread over all classes evenly.
  double label_smoothing = 0;
  // Standard deviation of the logits; 0 gives the paper's s / sqrt(s - 1) for s classes.
  double logit_deviation = 1;
};

// The loss is reported as it is: its factor is 1. The gradient's makes the root mean square over live tokens
// and classes 1, for labels that do not depend on the logits; it holds the number of live tokens, for the
// gradient of the mean is that much smaller. Inputs: the logits.
// Errors (usage): fewer than 2 classes; no live token; label smoothing outside [0, 1); a deviation outside
// [0, 256].
Factors softmax_cross_entropy(const CrossEntropyShape& shape);

}  // namespace filigree::scaling
