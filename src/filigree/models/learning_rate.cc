#include "filigree/models/learning_rate.h"

#include <algorithm>
#include <cmath>

namespace filigree::models {

double LearningRateSchedule::at(std::int64_t step) const {
  if (step <= warmup) return peak * static_cast<double>(step) / static_cast<double>(warmup);
  const auto left = static_cast<double>(steps + 1 - step);
  return peak * std::max(0.0, left / static_cast<double>(steps + 1 - warmup));
}

double sparse_learning_rate_factor(double density) {
  const double sparsity = 1 - density;
  return std::exp(1.969 * sparsity * sparsity + 0.2905 * sparsity);
}

}  // namespace filigree::models
