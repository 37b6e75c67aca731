// The time of a training step: block-sparse beside dense.
#pragma once

#include "filigree/models/bert/pretrain_options.h"

namespace filigree::models {

// Runs `options.pairs` pairs of steps, one of the sparse model and one of its dense twin in turn, on
// random full-length batches, and prints medians; with --json one line of JSON:
// sparse_step_seconds, dense_step_seconds, ratio, the FLOPs of both, their GFLOP/s, flops_ratio (what the
// ratio would be if every FLOP cost the same), the shape and the machine.
// Errors (usage): a density of 1.
void run_pretrain_benchmark(const PretrainOptions& options);

}  // namespace filigree::models
