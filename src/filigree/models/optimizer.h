// AdamW over all parameters of a model, with clipping and a watch for NaN and infinity.
#pragma once

#include "filigree/models/parameter.h"

namespace filigree::models {

struct OptimizerConfig {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-6;
  double weight_decay = 0.01;
  double clip = 1.0;  // largest global norm of the gradient; 0 turns clipping off
};

// Norm over all gradients, each without its gradient_factor: that of the unscaled model. Errors (failed): a
// gradient holds NaN or infinity; the message names the tensor and `step`.
double gradient_norm(const ParameterList& parameters, std::int64_t step);

// One step (from 1): scales the gradients to the config's norm, given that theirs is `norm`, and updates
// values and moments. Parameters without a gradient stay as they are.
void optimizer_step(const OptimizerConfig& config, double learning_rate, std::int64_t step, double norm,
                    ParameterList& parameters);

}  // namespace filigree::models
