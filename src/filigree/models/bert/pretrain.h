// Pre-training: the run from its options to its report.
#pragma once

#include "filigree/models/bert/pretrain_options.h"

namespace filigree::models {

// Trains, or goes on with a run, and gives the exit code: done, or interrupted after a checkpoint.
// `effective_config` is what the run's config.toml will hold.
int pretrain(const PretrainOptions& options, const std::string& effective_config);

}  // namespace filigree::models
