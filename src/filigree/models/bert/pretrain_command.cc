#include "filigree/models/bert/benchmark.h"
#include "filigree/models/commands.h"
#include "filigree/models/process.h"

namespace filigree::models {

int bert_pretrain(const std::vector<std::string>& arguments) {
  PretrainOptions values;
  run::Options options("bert pretrain", "Pre-train a BERT, dense or block-sparse, on a prepared corpus.");
  values.describe(options);
  if (!options.parse(arguments)) return 0;
  prepare_process(values.threads);
  if (values.benchmark) {
    run_pretrain_benchmark(values);
    return 0;
  }
  return 1;
}

}  // namespace filigree::models
