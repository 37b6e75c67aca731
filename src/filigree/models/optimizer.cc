#include "filigree/models/optimizer.h"

#include <cmath>

#include "filigree/base/error.h"
#include "filigree/dense/adamw.h"
#include "filigree/numerics/norm.h"

namespace filigree::models {
double gradient_norm(const ParameterList& parameters, std::int64_t step) {
  double total = 0;
  for (const auto& parameter : parameters) {
    const Tensor& grad = parameter->value.grad();
    if (!grad.defined()) continue;
    const double squares = sum_of_squares(grad.data_ptr<float>(), grad.numel());
    if (!std::isfinite(squares)) {
      // Squares of floats do not overflow a double: one of the elements is to blame.
      const std::int64_t at = find_non_finite(grad.data_ptr<float>(), grad.numel());
      fail("the gradient of {} is {} at step {}", parameter->part_name(at), grad.data_ptr<float>()[at], step);
    }
    total += squares / (parameter->gradient_factor * parameter->gradient_factor);
  }
  return std::sqrt(total);
}

void optimizer_step(const OptimizerConfig& config, double learning_rate, std::int64_t step, double norm,
                    ParameterList& parameters) {
  dense::AdamWStep adamw;
  adamw.beta1 = config.beta1;
  adamw.beta2 = config.beta2;
  adamw.epsilon = config.epsilon;
  adamw.step = step;
  // As torch.nn.utils.clip_grad_norm_ does.
  if (config.clip > 0) adamw.gradient_scale = std::min(1.0, config.clip / (norm + 1e-6));
  // No element is larger than the norm. Beyond this its square could become an infinite second moment,
  // which no later step repairs: the element would never move again, and nothing would say so.
  constexpr double kLargest = 1e19;
  if (norm * adamw.gradient_scale > kLargest) {
    fail("the norm of the gradient is {:.3g} at step {}: its square overflows", norm, step);
  }
  for (const auto& parameter : parameters) {
    const Tensor& grad = parameter->value.grad();
    if (!grad.defined()) continue;
    adamw.learning_rate = learning_rate * parameter->learning_rate_factor;
    // Decay is learning rate times this: it stays what it would be unscaled.
    adamw.weight_decay = parameter->decay ? config.weight_decay / parameter->learning_rate_factor : 0;
    dense::adamw<float>(adamw, grad.data_ptr<float>(), parameter->value.data_ptr<float>(),
                        parameter->first_moment.data_ptr<float>(), parameter->second_moment.data_ptr<float>(),
                        parameter->value.numel());
  }
}

}  // namespace filigree::models
