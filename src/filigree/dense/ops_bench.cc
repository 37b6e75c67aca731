// The fused ops at the shapes of a BERT of 4 layers, hidden 512, batch 16, sequence 128. bytes/s counts
// each operand once, as if caches held what a kernel reads twice; FLOP/s counts products alone.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "filigree/base/aligned.h"
#include "filigree/base/parallel.h"
#include "filigree/base/philox.h"
#include "filigree/dense/adamw.h"
#include "filigree/dense/attention.h"
#include "filigree/dense/cross_entropy.h"
#include "filigree/dense/gelu.h"
#include "filigree/dense/layer_norm.h"

namespace filigree::dense {
namespace {

AlignedVector<float> random_values(std::int64_t count, std::uint64_t seed) {
  Philox philox(seed, Purpose::kTest);
  AlignedVector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(philox.normal());
  return values;
}

struct Operand {
  Operand(std::int64_t rows, std::int64_t columns, std::uint64_t seed)
      : values(random_values(rows * columns, seed)), view(values.data(), rows, columns) {}
  AlignedVector<float> values;
  MatrixView<float> view;
};

void use_threads(const benchmark::State& state) { set_thread_count(static_cast<int>(state.range(0))); }

void report_bytes(benchmark::State& state, std::int64_t floats_per_iteration) {
  state.SetBytesProcessed(state.iterations() * floats_per_iteration *
                          static_cast<std::int64_t>(sizeof(float)));
}

constexpr std::int64_t kTokens = 16 * 128;
constexpr std::int64_t kHidden = 512;
constexpr std::int64_t kInner = 4 * kHidden;

void bias_gelu_forward(benchmark::State& state) {
  use_threads(state);
  const Operand x(kTokens, kInner, 1), bias(1, kInner, 2);
  Operand y(kTokens, kInner, 3);
  for (auto _ : state) bias_gelu<float>(x.view, bias.view.data, y.view);
  report_bytes(state, 2 * kTokens * kInner);
}

void bias_gelu_backward(benchmark::State& state) {
  use_threads(state);
  const Operand dy(kTokens, kInner, 1), x(kTokens, kInner, 2), bias(1, kInner, 3);
  Operand dx(kTokens, kInner, 4), dbias(1, kInner, 5);
  for (auto _ : state)
    dense::bias_gelu_backward<float>(dy.view, x.view, bias.view.data, dx.view, dbias.view.data);
  report_bytes(state, 3 * kTokens * kInner);
}

void add_layer_norm_forward(benchmark::State& state) {
  use_threads(state);
  const Operand x(kTokens, kHidden, 1), residual(kTokens, kHidden, 2), vectors(3, kHidden, 3);
  Operand sum(kTokens, kHidden, 4), y(kTokens, kHidden, 5), mean(1, kTokens, 6), rstd(1, kTokens, 7);
  for (auto _ : state) {
    add_layer_norm<float>(x.view, vectors.view.row(0), residual.view, vectors.view.row(1),
                          vectors.view.row(2), 1e-12F, sum.view, y.view, mean.view.data, rstd.view.data);
  }
  report_bytes(state, 4 * kTokens * kHidden);
}

void add_layer_norm_backward(benchmark::State& state) {
  use_threads(state);
  const Operand dy(kTokens, kHidden, 1), dsum_in(kTokens, kHidden, 2), sum(kTokens, kHidden, 3),
      gamma(1, kHidden, 4);
  const Operand mean(1, kTokens, 5), rstd(1, kTokens, 6);
  Operand dsum(kTokens, kHidden, 7), dvectors(3, kHidden, 8);
  for (auto _ : state) {
    dense::add_layer_norm_backward<float>(dy.view, dsum_in.view, sum.view, gamma.view.data, mean.view.data,
                                          rstd.view.data, dsum.view, dvectors.view.row(0),
                                          dvectors.view.row(1), dvectors.view.row(2));
  }
  report_bytes(state, 4 * kTokens * kHidden);
}

// Batch 16, sequence 128, 8 heads of 64.
struct AttentionOperands {
  AttentionOperands()
      : lengths(16, 128),
        qkv(kTokens, 3 * kHidden, 1),
        probabilities(16 * 8, 128 * 128, 2),
        out(kTokens, kHidden, 3),
        dout(kTokens, kHidden, 4),
        dqkv(kTokens, 3 * kHidden, 5) {}
  AttentionShape shape() const { return {16, 128, 8, lengths}; }
  // Of one product of a head's 128 x 64 and 64 x 128, in all heads.
  static constexpr double kFlopsOfAProduct = 16 * 8 * 2.0 * 128 * 128 * 64;

  std::vector<std::int32_t> lengths;
  Operand qkv, probabilities, out, dout, dqkv;
};

void report_flops(benchmark::State& state, double flops) {
  state.counters["FLOP"] =
      benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
}

void attention_forward(benchmark::State& state) {
  use_threads(state);
  const AttentionOperands a;
  for (auto _ : state) attention<float>(a.shape(), a.qkv.view, a.probabilities.view.data, a.out.view);
  report_flops(state, 2 * AttentionOperands::kFlopsOfAProduct);
}

void attention_backward(benchmark::State& state) {
  use_threads(state);
  const AttentionOperands a;
  attention<float>(a.shape(), a.qkv.view, a.probabilities.view.data, a.out.view);
  for (auto _ : state) {
    dense::attention_backward<float>(a.shape(), a.dout.view, a.qkv.view, a.probabilities.view.data,
                                     a.dqkv.view);
  }
  report_flops(state, 4 * AttentionOperands::kFlopsOfAProduct);
}

constexpr std::int64_t kPredictions = 16 * 20;
constexpr std::int64_t kClasses = 8192;

std::vector<std::int64_t> random_labels() {
  Philox philox(9, Purpose::kTest);
  std::vector<std::int64_t> labels(kPredictions);
  for (std::int64_t& label : labels) label = static_cast<std::int64_t>(philox.below(kClasses));
  return labels;
}

// In place: from the second iteration on the logits are probabilities, which costs the same.
void cross_entropy_forward(benchmark::State& state) {
  use_threads(state);
  Operand logits(kPredictions, kClasses, 1), bias(1, kClasses, 2);
  const std::vector<std::int64_t> labels = random_labels();
  for (auto _ : state) {
    benchmark::DoNotOptimize(cross_entropy<float>(logits.view, bias.view.data, labels.data(), nullptr));
  }
  report_bytes(state, 2 * kPredictions * kClasses);
}

// A factor of 1 keeps the values normal over many iterations.
void cross_entropy_backward(benchmark::State& state) {
  use_threads(state);
  Operand probabilities(kPredictions, kClasses, 1), dbias(1, kClasses, 2);
  const std::vector<std::int64_t> labels = random_labels();
  for (auto _ : state) {
    dense::cross_entropy_backward<float>(probabilities.view, labels.data(), 1.0F, dbias.view.data);
  }
  report_bytes(state, 2 * kPredictions * kClasses);
}

void adamw_step(benchmark::State& state) {
  use_threads(state);
  constexpr std::int64_t kCount = 4 << 20;
  const Operand gradient(1, kCount, 1);
  Operand weight(1, kCount, 2);
  AlignedVector<float> first(kCount, 0.0F), second(kCount, 0.0F);
  AdamWStep step{.learning_rate = 1e-4, .weight_decay = 0.01};
  for (auto _ : state) {
    adamw<float>(step, gradient.view.data, weight.view.data, first.data(), second.data(), kCount);
    ++step.step;
  }
  report_bytes(state, 7 * kCount);
}

void on_one_and_two_threads(benchmark::internal::Benchmark* b) {
  b->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMicrosecond);
}

BENCHMARK(bias_gelu_forward)->Apply(on_one_and_two_threads);
BENCHMARK(bias_gelu_backward)->Apply(on_one_and_two_threads);
BENCHMARK(add_layer_norm_forward)->Apply(on_one_and_two_threads);
BENCHMARK(add_layer_norm_backward)->Apply(on_one_and_two_threads);
BENCHMARK(attention_forward)->Apply(on_one_and_two_threads);
BENCHMARK(attention_backward)->Apply(on_one_and_two_threads);
BENCHMARK(cross_entropy_forward)->Apply(on_one_and_two_threads);
BENCHMARK(cross_entropy_backward)->Apply(on_one_and_two_threads);
BENCHMARK(adamw_step)->Apply(on_one_and_two_threads);

}  // namespace
}  // namespace filigree::dense
