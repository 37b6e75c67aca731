#include "filigree/models/bert/benchmark.h"

#include "filigree/models/bert/train_step.h"
//
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
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
  Contender(const PretrainOptions& options, double density) : options_(options) {
    options_.density = density;
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

}  // namespace

void run_pretrain_benchmark(const PretrainOptions& options) {
  if (options.density >= 1)
    fail_usage("--benchmark compares sparse with dense: give --density below 1, such as 0.1");
  options.check();
  Contender sparse(options, options.density);
  Contender dense(options, 1);
  {
    Progress progress("benchmark", static_cast<std::uint64_t>(options.pairs), "pairs");
    for (int i = 0; i < kWarmUpPairs + options.pairs; ++i) {
      const MlmBatch batch = random_batch(options, static_cast<std::uint64_t>(i));
      // The order changes from pair to pair: neither always finds the other's data in the caches.
      Contender& first = i % 2 == 0 ? dense : sparse;
      Contender& second = i % 2 == 0 ? sparse : dense;
      first.step(batch, i >= kWarmUpPairs);
      second.step(batch, i >= kWarmUpPairs);
      progress.update(static_cast<std::uint64_t>(std::max(0, i + 1 - kWarmUpPairs)));
    }
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
