#include "filigree/models/bert/benchmark.h"

#include "filigree/models/bert/train_step.h"
//
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/isa.h"
#include "filigree/base/parallel.h"
#include "filigree/base/philox.h"
#include "filigree/base/progress.h"
#include "filigree/models/bert/flops.h"

namespace filigree::models {
namespace {

constexpr int kWarmUpPairs = 2;

// In each sequence.
std::int64_t predictions_of(const PretrainOptions& options) {
  return std::min(options.predictions, options.sequence);
}

// Full sequences of random tokens, predictions_of() of them to be predicted, all places different.
MlmBatch random_batch(const PretrainOptions& options, std::uint64_t index) {
  Philox random(options.seed, Purpose::kTest, index);
  MlmBatch batch;
  batch.batch = options.batch;
  batch.sequence = options.sequence;
  batch.lengths.assign(static_cast<std::size_t>(options.batch), static_cast<std::int32_t>(options.sequence));
  const auto vocabulary = static_cast<std::uint64_t>(options.vocabulary);
  for (std::int64_t b = 0; b < options.batch; ++b) {
    std::vector<std::int64_t> places(static_cast<std::size_t>(options.sequence));
    for (std::int64_t s = 0; s < options.sequence; ++s) {
      batch.ids.push_back(static_cast<std::int32_t>(random.below(vocabulary)));
      places[static_cast<std::size_t>(s)] = b * options.sequence + s;
    }
    random.shuffle(places);
    places.resize(static_cast<std::size_t>(predictions_of(options)));
    std::sort(places.begin(), places.end());
    for (const std::int64_t place : places) {
      batch.positions.push_back(place);
      batch.labels.push_back(static_cast<std::int64_t>(random.below(vocabulary)));
    }
    if (options.next_sentence) batch.next_labels.push_back(static_cast<std::int64_t>(random.below(2)));
  }
  return batch;
}

class Contender {
 public:
  explicit Contender(PretrainOptions options) : options_(std::move(options)) {
    model_ = std::make_unique<Bert>(options_.model(options_.vocabulary), options_.seed);
  }

  void step(const MlmBatch& batch, bool timed) {
    const auto start = std::chrono::steady_clock::now();
    train_step(*model_, batch, options_.accumulation, options_.optimizer, options_.lr, ++steps_);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (timed) seconds_.push_back(seconds);
  }

  // Of the timed steps, in their order.
  const std::vector<double>& seconds() const { return seconds_; }

  double flops() const {
    return step_flops(model_->config(), options_.batch, options_.sequence, predictions_of(options_));
  }

  std::int64_t parameters() const { return model_->parameters().element_count(); }

 private:
  PretrainOptions options_;
  std::unique_ptr<Bert> model_;
  std::int64_t steps_ = 0;
  std::vector<double> seconds_;
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Of the pairs: what slows the machine for a while slows both halves of a pair.
double median_ratio(const std::vector<double>& numerators, const std::vector<double>& denominators) {
  std::vector<double> ratios(numerators.size());
  std::transform(numerators.begin(), numerators.end(), denominators.begin(), ratios.begin(),
                 std::divides<>());
  return median(std::move(ratios));
}

// The interval that holds the median ratio with a probability of 95 %, whatever the distribution: the ranks
// that a binomial count of ratios below it leaves within 1.96 standard deviations.
std::pair<double, double> ratio_interval(const std::vector<double>& numerators,
                                         const std::vector<double>& denominators) {
  std::vector<double> ratios(numerators.size());
  std::transform(numerators.begin(), numerators.end(), denominators.begin(), ratios.begin(),
                 std::divides<>());
  std::sort(ratios.begin(), ratios.end());
  const auto n = static_cast<double>(ratios.size());
  const auto low = static_cast<std::size_t>(std::max(0.0, std::floor(n / 2 - 0.98 * std::sqrt(n))));
  return {ratios[low], ratios[ratios.size() - 1 - low]};
}

// What the model of the options is compared with.
PretrainOptions baseline_of(PretrainOptions options) {
  if (options.baseline == "dense") options.density = 1;
  if (options.baseline == "unscaled") options.unit_scaled = false;
  if (options.baseline == "fp32" || options.baseline == "bf16") options.precision = options.baseline;
  return options;
}

void check_baseline(const PretrainOptions& options) {
  if (options.baseline == "dense" && options.density >= 1)
    fail_usage("--benchmark compares sparse with dense: give --density below 1, such as 0.1");
  if (options.baseline == "unscaled" && !options.unit_scaled)
    fail_usage("--baseline unscaled is the same model: give --unit-scaled");
  if (options.baseline == options.precision)
    fail_usage("--baseline {} is the same model: give another --precision", options.baseline);
}

// Steps of both in turn.
void run_pairs(const PretrainOptions& options, Contender& model, Contender& baseline) {
  Progress progress("benchmark", static_cast<std::uint64_t>(options.pairs), "pairs");
  for (int i = 0; i < kWarmUpPairs + options.pairs; ++i) {
    const MlmBatch batch = random_batch(options, static_cast<std::uint64_t>(i));
    // The order changes from pair to pair: neither always finds the other's data in the caches.
    Contender& first = i % 2 == 0 ? baseline : model;
    Contender& second = i % 2 == 0 ? model : baseline;
    first.step(batch, i >= kWarmUpPairs);
    second.step(batch, i >= kWarmUpPairs);
    progress.update(static_cast<std::uint64_t>(std::max(0, i + 1 - kWarmUpPairs)));
  }
}

void report_against(const PretrainOptions& options, const Contender& model, const Contender& baseline) {
  const double seconds = median(model.seconds());
  const double baseline_seconds = median(baseline.seconds());
  const double ratio = median_ratio(model.seconds(), baseline.seconds());
  const auto [low, high] = ratio_interval(model.seconds(), baseline.seconds());
  if (!options.json) {
    fmt::print("step of the model        {:8.1f} ms   {:6.1f} GFLOP/s\n", 1e3 * seconds,
               model.flops() / seconds / 1e9);
    fmt::print("step of the baseline     {:8.1f} ms   {:6.1f} GFLOP/s\n", 1e3 * baseline_seconds,
               baseline.flops() / baseline_seconds / 1e9);
    fmt::print("ratio {:.3f} (median over pairs; 95 % interval {:.3f} to {:.3f})\n", ratio, low, high);
    return;
  }
  const nlohmann::ordered_json line = {{"step_seconds", seconds},
                                       {"baseline_step_seconds", baseline_seconds},
                                       {"ratio", ratio},
                                       {"ratio_low", low},
                                       {"ratio_high", high},
                                       {"baseline", options.baseline},
                                       {"precision", options.precision},
                                       {"unit_scaled", options.unit_scaled},
                                       {"layers", options.layers},
                                       {"hidden", options.hidden},
                                       {"sequence", options.sequence},
                                       {"batch", options.batch},
                                       {"predictions", predictions_of(options)},
                                       {"vocabulary", options.vocabulary},
                                       {"density", options.density},
                                       {"pairs", options.pairs},
                                       {"threads", thread_count()},
                                       {"isa", std::string(isa_name(chosen_isa()))},
                                       {"cpu", cpu_name()}};
  fmt::print("{}\n", line.dump());
}

}  // namespace

void run_pretrain_benchmark(const PretrainOptions& options) {
  check_baseline(options);
  options.check();
  Contender sparse(options);
  Contender dense(baseline_of(options));
  run_pairs(options, sparse, dense);
  if (options.baseline != "dense") {
    report_against(options, sparse, dense);
    return;
  }
  const double sparse_seconds = median(sparse.seconds());
  const double dense_seconds = median(dense.seconds());
  const double ratio = median_ratio(sparse.seconds(), dense.seconds());
  if (!options.json) {
    fmt::print("step of the dense model   {:8.1f} ms   {:6.1f} GFLOP/s\n", 1e3 * dense_seconds,
               dense.flops() / dense_seconds / 1e9);
    fmt::print("step of the sparse model  {:8.1f} ms   {:6.1f} GFLOP/s\n", 1e3 * sparse_seconds,
               sparse.flops() / sparse_seconds / 1e9);
    fmt::print("ratio {:.3f} (median over pairs); FLOPs alone would allow {:.3f}\n", ratio,
               sparse.flops() / dense.flops());
    return;
  }
  const nlohmann::ordered_json line = {{"sparse_step_seconds", sparse_seconds},
                                       {"dense_step_seconds", dense_seconds},
                                       {"ratio", ratio},
                                       {"flops_ratio", sparse.flops() / dense.flops()},
                                       {"sparse_step_flops", sparse.flops()},
                                       {"dense_step_flops", dense.flops()},
                                       {"sparse_gflops", sparse.flops() / sparse_seconds / 1e9},
                                       {"dense_gflops", dense.flops() / dense_seconds / 1e9},
                                       {"sparse_parameters", sparse.parameters()},
                                       {"dense_parameters", dense.parameters()},
                                       {"layers", options.layers},
                                       {"hidden", options.hidden},
                                       {"sequence", options.sequence},
                                       {"batch", options.batch},
                                       {"predictions", predictions_of(options)},
                                       {"vocabulary", options.vocabulary},
                                       {"density", options.density},
                                       {"block", options.block},
                                       {"pairs", options.pairs},
                                       {"threads", thread_count()},
                                       {"isa", std::string(isa_name(chosen_isa()))},
                                       {"cpu", cpu_name()}};
  fmt::print("{}\n", line.dump());
}

}  // namespace filigree::models
