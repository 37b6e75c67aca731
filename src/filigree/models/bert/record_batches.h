// The first batches of a run as a file, so that another implementation can train on the very same ones.
#pragma once

#include "filigree/models/bert/bert.h"
//
#include "filigree/models/bert/batches.h"
#include "filigree/models/bert/pretrain_options.h"

namespace filigree::models {

// Writes safetensors: for batch i (from 0) `i.ids` [batch, sequence] I32, `i.lengths` [batch] I32,
// `i.positions` and `i.labels` [predictions] I64 (flat places of ids); and, if next-sentence prediction is
// on, `i.types` and `i.next_labels`. The model's values come behind them, under the names of its checkpoints.
void record_batches(const PretrainOptions& options, Batches& batches, const Bert& model);

}  // namespace filigree::models
