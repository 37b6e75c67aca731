// Learning rates over a run.
#pragma once

#include <cstdint>

namespace filigree::models {

struct LearningRateSchedule {
  double peak = 1e-4;
  std::int64_t warmup = 0;  // steps
  std::int64_t steps = 1;   // of the whole run

  // Linear from 0 to the peak at step `warmup`, then linear to 0 after the last step. Steps count from 1.
  double at(std::int64_t step) const;
};

// What the dense model's best rate is multiplied by at a given density: exp(1.969 s^2 + 0.2905 s) with the
// sparsity s = 1 - density (Dietrich et al. 2021, arXiv 2108.06277, eq. 3).
double sparse_learning_rate_factor(double density);

}  // namespace filigree::models
