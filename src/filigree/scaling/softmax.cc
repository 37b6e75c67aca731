#include "filigree/scaling/softmax.h"

#include <cmath>

#include "filigree/base/error.h"
#include "filigree/scaling/arguments.h"
#include "filigree/scaling/softmax_moments.h"

namespace filigree::scaling {
namespace {

double checked_classes(std::int64_t classes) {
  if (classes < 2) fail_usage("a softmax has a gradient from 2 classes on, not with {}", classes);
  return static_cast<double>(classes);
}

}  // namespace

Factors softmax(std::int64_t classes, double multiplier) {
  checked_classes(classes);
  checked_between(multiplier, 1e-6, 256, "multiplier of a softmax");
  const SoftmaxMoments p = SoftmaxIntegral(multiplier, classes).moments(classes);
  return {.output = 1 / std::sqrt(p.square), .inputs = {1 / (multiplier * std::sqrt(p.backward))}};
}

Factors softmax_cross_entropy(const CrossEntropyShape& shape) {
  const double classes = checked_classes(shape.classes);
  const double live = checked_size(shape.live_tokens, "live tokens");
  const double certain = 1 - checked_probability(shape.label_smoothing, "label smoothing");
  const double deviation = checked_between(shape.logit_deviation, 0, 256, "standard deviation of logits");
  // E|p - t|^2 of the probabilities p and the target t = certain * onehot + (1 - certain) / classes: what the
  // probabilities scatter around 1 / classes, and what the target does.
  const double scatter =
      deviation == 0
          ? 0
          : classes * SoftmaxIntegral(deviation, shape.classes).moments(shape.classes).square - 1 / classes;
  const double target = certain * certain * (1 - 1 / classes);
  return {.output = 1, .inputs = {live * std::sqrt(classes / (scatter + target))}};
}

}  // namespace filigree::scaling
