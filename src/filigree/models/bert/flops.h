// Floating-point operations of training, counted as in Dietrich et al. 2021 (arXiv 2108.06277).
#pragma once

#include "filigree/models/bert/config.h"

namespace filigree::models {

// Forward and backward, per sequence: a multiply-add is two operations, the backward pass costs
// twice the forward pass. Softmax, norms, GELU and the optimiser are not counted.
struct BertFlops {
  double encoder;  // 6 S f (4 H^2 + 2 H I) L + 12 S^2 H L; with I = 4 H the paper's formula
  double head;  // MLM transform and output at the predicted places: 6 P (H^2 + H V); not in the paper's count
  double total() const { return encoder + head; }
};

// `density` is the nominal one (1 where dense).
BertFlops bert_flops(const BertConfig& config, double density, std::int64_t sequence,
                     std::int64_t predictions);

// Of a training step on `batch` full sequences with that many predictions each, as the model is stored: a
// masked matrix costs what a dense one does.
double step_flops(const BertConfig& config, std::int64_t batch, std::int64_t sequence,
                  std::int64_t predictions);

}  // namespace filigree::models
