#include <algorithm>
#include <system_error>

#include "filigree/base/error.h"
#include "filigree/models/bert/benchmark.h"
#include "filigree/models/bert/pretrain.h"
#include "filigree/models/commands.h"
#include "filigree/models/process.h"
#include "filigree/run/run_folder.h"

namespace filigree::models {

int bert_pretrain(const std::vector<std::string>& arguments) {
  PretrainOptions values;
  run::Options options("bert pretrain", "Pre-train a BERT, dense or block-sparse, on a prepared corpus.");
  values.describe(options);
  // A resumed run goes on with its own options; flags may repeat them.
  options.inherit([&values]() -> std::filesystem::path {
    const bool resume = values.resume || !values.resume_from.empty();
    const auto config = run::RunFolder::config_path(values.run);
    std::error_code absent;  // what is wrong with the folder, RunFolder says
    return resume && !values.run.empty() && std::filesystem::exists(config, absent) ? config
                                                                                    : std::filesystem::path();
  });
  if (!options.parse(arguments)) return 0;
  // Only a number that somebody has given can be too small.
  if (!options.given("max-positions")) values.max_positions = std::max(values.max_positions, values.sequence);
  prepare_process(values.threads);
  if (values.benchmark) {
    run_pretrain_benchmark(values);
    return 0;
  }
  if (values.data.empty() && values.resume && !values.run.empty()) {
    fail_usage("{} holds no run to go on with; leave out --resume and give --data to start one",
               values.run.string());
  }
  if (values.data.empty()) fail_usage("--data is missing: the folder that `filigree bert prepare` wrote");
  if (values.run.empty() && values.record_batches.empty()) {
    fail_usage("--run is missing: a new folder for configuration, metrics, checkpoints and report");
  }
  // The run can be resumed from anywhere.
  values.data = std::filesystem::absolute(values.data);
  return pretrain(values, options.to_toml());
}

}  // namespace filigree::models
