// report.html of a pre-training run.
#pragma once

#include "filigree/models/bert/bert.h"
//
#include "filigree/models/sparse_training.h"
#include "filigree/run/run_folder.h"

namespace filigree::models {

// Loss against steps, FLOPs and seconds, the matrices' patterns as pictures, degrees of freedom covered,
// and the configuration, from the run's metrics and the model as it stands.
void write_pretrain_report(const run::RunFolder& folder, const Bert& model, const SparseTraining& sparse,
                           double unigram_entropy);

}  // namespace filigree::models
