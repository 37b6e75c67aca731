#include "filigree/models/bert/pretrain_options.h"

#include <algorithm>
#include <cmath>

#include "filigree/base/error.h"

namespace filigree::models {
namespace {

// All but none, with which gradients of different parts no longer fit together.
std::vector<std::string> constraint_choices() {
  std::vector<std::string> names;
  for (const scaling::ConstraintName& entry : scaling::constraint_names()) {
    if (entry.constraint != scaling::Constraint::kNone) names.emplace_back(entry.name);
  }
  return names;
}

std::vector<std::string> precision_choices() {
  std::vector<std::string> names;
  for (const nn::PrecisionName& entry : nn::kPrecisions) names.emplace_back(entry.name);
  return names;
}

}  // namespace

void PretrainOptions::describe(run::Options& options) {
  constexpr double kMany = 1e12;
  options.section("data", "Data");
  options.add("data", &data, "folder that `filigree bert prepare` wrote").metavar("FOLDER");
  options.add("sequence", &sequence, "positions of a sequence, [CLS] and [SEP] included").range(8, 65536);
  options.add("predictions", &predictions, "most predictions in a sequence").range(1, 65536);
  options.add("masked-share", &masked_share, "share of a sequence's tokens to predict").range(0.001, 0.9);
  options.add("whole-word", &whole_word, "mask all pieces of a word together");
  options.add("next-sentence", &next_sentence, "also predict whether segment B follows segment A");

  options.section("model", "Model");
  options.add("layers", &layers, "encoder layers").range(1, 1000);
  options.add("hidden", &hidden, "width of the encoder").range(1, 65536);
  options.add("heads", &heads, "attention heads; 0 means heads of 64 (one head below that width)")
      .range(0, 4096);
  options.add("intermediate", &intermediate, "width of the feed-forward part; 0 means 4 x hidden")
      .range(0, 1 << 20);
  options
      .add("max-positions", &max_positions,
           "rows of the position table; more by default where --sequence needs them")
      .range(8, 1 << 20);
  options.add("norm", &norm, "layer norm after each module and its residual sum, or before each module")
      .choices({"post", "pre"});

  options.section("sparsity", "Sparsity of the encoder's matrices");
  options.add("density", &density, "share of the blocks that exist, in each matrix; 1 is dense").range(0, 1);
  options.add("block", &block, "side of the square blocks: 1, 2, 4, 8, 16, 32 or 64").range(1, 64);
  options.add("storage", &storage, "keep the blocks alone, or (for comparison) every value with a mask")
      .choices({"sparse", "masked"});
  options
      .add("updates", &updates,
           "pattern updates in the run, never closer than 25 steps; 0 keeps the first pattern")
      .range(0, kMany);
  options
      .add("prune-ratio", &prune_ratio,
           "share of the blocks that an update moves at the start of a cosine, which falls to 0")
      .range(0, 1);
  options
      .add("lr-rule", &lr_rule,
           "auto multiplies --lr by exp(1.969 s^2 + 0.2905 s), s = 1 - density; none does not")
      .choices({"auto", "none"});

  options.section("scaling", "Unit scaling and precision");
  options.add("unit-scaled", &unit_scaled,
              "scale each op so that values and gradients begin with variance 1 (docs/unit-scaling.md)");
  options
      .add("constraint", &constraint,
           "the common factor of an op's output and gradients where the graph demands one")
      .choices(constraint_choices());
  options
      .add("residual", &residual,
           "weights of residual sums: one share of the variance for every branch, or a running mean of all")
      .choices({"fixed", "running-mean"});
  options.add("residual-share", &residual_share, "share of a fixed branch in the variance of its sum")
      .range(0.001, 0.999);

  options
      .add("precision", &precision,
           "bits of the operands of products, summed in FP32; fp8: values and weights in E4M3, gradients in "
           "E5M2, heads in BF16")
      .choices(precision_choices());

  options.section("training", "Training");
  options
      .add("lr", &lr,
           "peak learning rate of AdamW, for the dense model of this size (docs/unit-scaling.md says what "
           "unit-scaled weights take)")
      .range(0, 10);
  options.add("warmup", &warmup, "steps of linear warm-up, before the linear decay").range(0, kMany);
  options.add("steps", &steps, "optimiser steps").range(1, kMany);
  options.add("epochs", &epochs, "passes over the data; 0 means as --steps says").range(0, 1e6);
  options.add("batch", &batch, "sequences a step").range(1, 1 << 20);
  options.add("accumulation", &accumulation, "slices that a batch is computed in, to save memory")
      .range(1, 1 << 20);
  options.add("weight-decay", &optimizer.weight_decay, "of matrices; never of biases and norms").range(0, 10);
  options.add("beta1", &optimizer.beta1, "decay of AdamW's first moment").range(0, 0.999999);
  options.add("beta2", &optimizer.beta2, "decay of AdamW's second moment").range(0, 0.99999999);
  options.add("epsilon", &optimizer.epsilon, "of AdamW").range(1e-30, 1);
  options.add("clip", &optimizer.clip, "largest norm of the gradient; 0 turns clipping off").range(0, kMany);

  options.section("run", "The run");
  options.add("run", &run, "folder of the run: configuration, metrics, checkpoints, report")
      .metavar("FOLDER")
      .transient();
  options.add("resume", &resume, "go on from the run's last checkpoint").transient();
  options.add("resume-from", &resume_from, "go on from this checkpoint of the run")
      .metavar("FILE")
      .transient();
  options.add("checkpoint-every", &checkpoint_every, "steps; 0 means ten times in the run").range(0, kMany);
  options.add("keep-checkpoints", &keep_checkpoints, "newest checkpoints that stay").range(1, 1e6);
  options.add("valid-every", &valid_every, "steps between validations; 0 means ten times in the run")
      .range(0, kMany);
  options.add("valid-batches", &valid_batches, "batches of a validation").range(1, kMany);
  options.add("log-every", &log_every, "steps between lines of metrics").range(1, kMany);
  options.add("seed", &seed, "of initial values, patterns, order and masks");
  options.add("threads", &threads, "0 means all cores").range(0, 4096);
  options.add("json", &json, "end with one line of JSON on stdout").transient();
  options.add("record-batches", &record_batches, "write the first batches to a safetensors file and stop")
      .hidden();
  options.add("record-count", &record_count, "batches that --record-batches writes")
      .range(1, 100000)
      .hidden();

  options.section("benchmark", "Benchmark");
  options.add("benchmark", &benchmark, "time a step of the model beside one of its baseline, and stop")
      .transient();
  options
      .add("baseline", &baseline,
           "what --benchmark compares with: the dense twin, or the same model unscaled or in another "
           "precision")
      .choices({"dense", "unscaled", "fp32", "bf16"})
      .transient();
  options.add("pairs", &pairs, "pairs of steps that are timed, one of each in turn")
      .range(1, 100000)
      .transient();
  options.add("vocabulary", &vocabulary, "pieces of the benchmark's vocabulary").range(8, 1e9).transient();
}

void PretrainOptions::check() const {
  if (accumulation > batch)
    fail_usage("--accumulation {} is more than the {} sequences of a batch", accumulation, batch);
  if (max_positions < sequence) {
    fail_usage("--max-positions {} is less than --sequence {}; give at least as many, or leave it out",
               max_positions, sequence);
  }
}

UnitScalingConfig PretrainOptions::scaling_config() const {
  UnitScalingConfig scaling;
  scaling.constraint = scaling::parse_constraint(constraint);
  if (residual == "fixed") {
    scaling.residual_share = residual_share;
  } else {
    scaling.residual_share.reset();
  }
  scaling.sequences = batch;
  scaling.sequence = sequence;
  // The masked share of full sequences.
  const auto each = std::max<std::int64_t>(
      1, std::min<std::int64_t>(predictions, std::llround(masked_share * static_cast<double>(sequence))));
  scaling.predictions = batch * each;
  return scaling;
}

BertConfig PretrainOptions::model(std::int64_t vocabulary_size) const {
  BertConfig config;
  config.vocabulary = vocabulary_size;
  config.layers = layers;
  config.hidden = hidden;
  config.heads = heads > 0 ? heads : heads_of_usual_size(hidden);
  config.intermediate = intermediate > 0 ? intermediate : 4 * hidden;
  config.max_positions = max_positions;
  config.norm = norm == "pre" ? NormPlacement::kPre : NormPlacement::kPost;
  config.next_sentence = next_sentence;
  config.sparsity.density = density;
  config.sparsity.block = block;
  config.sparsity.storage = density == 1          ? Storage::kDense
                            : storage == "masked" ? Storage::kMasked
                                                  : Storage::kSparse;
  config.precision = nn::parse_precision(precision);
  if (unit_scaled) config.unit_scaling = scaling_config();
  config.check();
  return config;
}

LearningRateSchedule PretrainOptions::schedule() const {
  const double factor = lr_rule == "auto" ? sparse_learning_rate_factor(density) : 1;
  return {lr * factor, warmup, steps};
}

}  // namespace filigree::models
