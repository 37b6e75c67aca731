#include "filigree/scaling/elementwise.h"

#include <cmath>

#include "filigree/base/error.h"
#include "filigree/scaling/arguments.h"

namespace filigree::scaling {

Factors layer_norm(std::int64_t rows) {
  const double summed = 1 / std::sqrt(checked_size(rows, "rows"));
  return {.output = 1, .inputs = {1, summed, summed}};
}

Factors rms_norm(std::int64_t rows) {
  return {.output = 1, .inputs = {1, 1 / std::sqrt(checked_size(rows, "rows"))}};
}

Factors dropout(double p) {
  const double kept = std::sqrt(1 - checked_probability(p, "dropout"));
  return {.output = kept, .inputs = {kept}};
}

Factors sum(std::int64_t terms) {
  return {.output = 1 / std::sqrt(checked_size(terms, "terms")), .inputs = {1}};
}

Factors weighted_sum(const std::vector<double>& weights) {
  if (weights.empty()) fail_usage("a scaled weighted sum needs at least one weight");
  Factors factors;
  double norm = 0;
  for (const double weight : weights) {
    const double size = checked_between(std::abs(weight), 1e-100, 1e100, "size of a weight");
    norm = std::hypot(norm, size);
    factors.inputs.push_back(1 / size);
  }
  factors.output = 1 / norm;
  return factors;
}

Factors add(std::int64_t output, const std::vector<std::int64_t>& operands) {
  checked_size(output, "output elements");
  if (operands.empty()) fail_usage("a scaled sum needs at least one operand");
  Factors factors;
  int varying = 0;
  for (const std::int64_t operand : operands) {
    const double elements = checked_size(operand, "operand elements");
    if (output % operand != 0) fail_usage("{} elements cannot be broadcast to {}", operand, output);
    varying += operand == 1 && output > 1 ? 0 : 1;
    factors.inputs.push_back(std::sqrt(elements / static_cast<double>(output)));
  }
  if (varying > 0) factors.output = 1 / std::sqrt(static_cast<double>(varying));
  return factors;
}

Factors mse(std::int64_t divisor) {
  // 2 (x - target) has the variance 8.
  const double gradient = checked_size(divisor, "divisor") / std::sqrt(8.0);
  return {.output = 1, .inputs = {gradient, gradient}};
}

}  // namespace filigree::scaling
