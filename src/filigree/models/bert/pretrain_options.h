// What `filigree bert pretrain` can be told. Each option is described once, in describe().
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "filigree/models/bert/config.h"
#include "filigree/models/learning_rate.h"
#include "filigree/models/optimizer.h"
#include "filigree/run/options.h"

namespace filigree::models {

struct PretrainOptions {
  // Data.
  std::filesystem::path data;
  std::int64_t sequence = 128;
  std::int64_t predictions = 20;
  double masked_share = 0.15;
  bool whole_word = true;
  bool next_sentence = false;

  // Model.
  std::int64_t layers = 2;
  std::int64_t hidden = 128;
  std::int64_t heads = 0;
  std::int64_t intermediate = 0;
  std::int64_t max_positions = 512;
  std::string norm = "post";

  // Sparsity.
  double density = 1;
  int block = 16;
  std::string storage = "sparse";
  std::int64_t updates = 0;
  double prune_ratio = 0.5;
  std::string lr_rule = "auto";

  // Unit scaling.
  bool unit_scaled = false;
  std::string constraint = "geometric-mean";
  std::string residual = "fixed";
  double residual_share = 0.1;
  std::string precision = "fp32";

  // Training.
  double lr = 1e-4;
  std::int64_t warmup = 0;
  std::int64_t steps = 1000;
  double epochs = 0;
  std::int64_t batch = 32;
  std::int64_t accumulation = 1;
  OptimizerConfig optimizer;

  // The run.
  std::filesystem::path run;
  bool resume = false;
  std::filesystem::path resume_from;
  std::int64_t checkpoint_every = 0;
  int keep_checkpoints = 2;
  std::int64_t valid_every = 0;
  std::int64_t valid_batches = 16;
  std::int64_t log_every = 20;
  std::uint64_t seed = 1;
  int threads = 0;
  bool json = false;
  std::filesystem::path record_batches;
  std::int64_t record_count = 200;

  // The benchmark.
  bool benchmark = false;
  std::string baseline = "dense";
  int pairs = 15;
  std::int64_t vocabulary = 8192;

  void describe(run::Options& options);

  // Errors (usage): a batch or a sequence that no step can work on.
  void check() const;
  // The model; `vocabulary_size` comes from the corpus. Errors (usage): sizes that do not fit.
  BertConfig model(std::int64_t vocabulary_size) const;
  // Of the batch that these options ask for.
  UnitScalingConfig scaling_config() const;
  LearningRateSchedule schedule() const;
};

}  // namespace filigree::models
