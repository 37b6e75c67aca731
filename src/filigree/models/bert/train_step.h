// One optimiser step of BERT pre-training: what the trainer, the benchmark and the comparisons share.
#pragma once

#include "filigree/models/bert/bert.h"
#include "filigree/models/optimizer.h"

namespace filigree::models {

struct StepResult {
  double loss = 0;      // nats per prediction (plus next-sentence's per sequence)
  double mlm = 0;       // nats per prediction
  double accuracy = 0;  // share of the predictions that are right
  double next_accuracy = 0;
  double gradient_norm = 0;  // before clipping
};

// Runs `batch` as `accumulation` slices (each a whole number of sequences) and updates the model. The result
// is that of the whole batch, up to rounding. `step` counts from 1. Errors (failed): NaN or infinity in the
// loss or a gradient, naming tensor and step; the model is then unchanged.
StepResult train_step(Bert& model, const MlmBatch& batch, std::int64_t accumulation,
                      const OptimizerConfig& config, double learning_rate, std::int64_t step);

// Loss and accuracy without gradients.
StepResult evaluate(const Bert& model, const MlmBatch& batch);

}  // namespace filigree::models
