// Simulations of softmax, cross-entropy and attention. Included by tests only.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "filigree/scaling/attention.h"
#include "filigree/scaling/softmax.h"
#include "filigree/scaling/test_simulation.h"

namespace filigree::scaling::simulation {

inline void softmax_in_place(std::vector<double>& x) {
  const double largest = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (double& value : x) sum += value = std::exp(value - largest);
  for (double& value : x) value /= sum;
}

inline std::vector<double> normal_softmax(Philox& random, std::int64_t classes, double deviation) {
  std::vector<double> x;
  for_each_normal(random, classes, [&](float value) { x.push_back(deviation * static_cast<double>(value)); });
  softmax_in_place(x);
  return x;
}

// Rows that a simulation of so many columns takes.
inline std::int64_t row_count(std::int64_t columns) { return std::max<std::int64_t>(16, 32'768 / columns); }

inline Case draw_softmax(Philox& random) {
  const std::int64_t classes = draw_dimension(random);
  const double m = draw_multiplier(random);
  return {fmt::format("{} classes, multiplier {:.3f}", classes, m), softmax(classes, m), [=](Philox& draw) {
            Sum output;
            Sum gradient;
            std::vector<double> g(to_size(classes));
            for (std::int64_t row = 0; row < row_count(classes); ++row) {
              const std::vector<double> p = normal_softmax(draw, classes, m);
              double mean = 0;
              for (std::size_t i = 0; i < p.size(); ++i) {
                g[i] = draw.normal();
                mean += p[i] * g[i];
              }
              for (std::size_t i = 0; i < p.size(); ++i) {
                output.add(p[i]);
                gradient.add(m * p[i] * (g[i] - mean));
              }
            }
            return MeanSquares{output.mean_square(), {gradient.mean_square()}};
          }};
}

inline Case draw_cross_entropy(Philox& random) {
  const CrossEntropyShape shape{.classes = draw_dimension(random, 2),
                                .live_tokens = draw_dimension(random),
                                .label_smoothing = random.below(2) == 0 ? 0 : 0.5 * random.uniform(),
                                .logit_deviation = random.below(2) == 0 ? 1 : 3 * random.uniform()};
  return {fmt::format("{} classes, {} tokens, smoothing {:.3f}, logits {:.3f}", shape.classes,
                      shape.live_tokens, shape.label_smoothing, shape.logit_deviation),
          softmax_cross_entropy(shape), [=](Philox& draw) {
            const auto classes = static_cast<double>(shape.classes);
            Sum gradient;
            for (std::int64_t row = 0; row < row_count(shape.classes); ++row) {
              const std::vector<double> p = normal_softmax(draw, shape.classes, shape.logit_deviation);
              const std::uint64_t label = draw.below(static_cast<std::uint64_t>(shape.classes));
              for (std::size_t i = 0; i < p.size(); ++i) {
                const double target =
                    shape.label_smoothing / classes + (i == label ? 1 - shape.label_smoothing : 0);
                gradient.add((p[i] - target) / static_cast<double>(shape.live_tokens));
              }
            }
            return MeanSquares{std::nullopt, {gradient.mean_square()}};
          }};
}

// Attention of some of the queries over all their keys. A query that stands for w of its like counts w times
// in the mean squares of its own output and gradient; what it adds to the gradients of keys and values is
// multiplied by sqrt(w), which keeps their variance, for gradients from different queries are not correlated.
class Attention {
 public:
  explicit Attention(const AttentionShape& shape) : shape_(shape) {}

  // Short sequences are drawn more than once: steep softmaxes have rare, large gradients.
  MeanSquares simulate(Philox& random) const {
    const std::int64_t times = std::clamp<std::int64_t>((1 << 16) / (shape_.keys * shape_.head_size), 1, 64);
    Totals totals;
    for (std::int64_t i = 0; i < times; ++i) add_sequence(random, totals);
    const auto of_query = static_cast<double>(times * shape_.queries * shape_.head_size);
    const auto of_key = static_cast<double>(times * shape_.keys * shape_.head_size);
    return {totals.output / of_query, {totals.q / of_query, totals.k / of_key, totals.v / of_key}};
  }

 private:
  struct Query {
    std::int64_t position;
    double weight;
  };
  struct Totals {  // sums of squares
    double output = 0;
    double q = 0;
    double k = 0;
    double v = 0;
  };
  struct KeysAndValues {
    Rows k;
    Rows v;
  };

  void add_sequence(Philox& random, Totals& totals) const {
    const KeysAndValues x{normal_rows(random, shape_.keys, shape_.head_size),
                          normal_rows(random, shape_.keys, shape_.head_size)};
    const Rows zeros(x.k.size(), std::vector<float>(to_size(shape_.head_size)));
    KeysAndValues gradients{zeros, zeros};
    for (const Query& query : queries(random)) add_query(random, query, x, gradients, totals);
    for (const std::vector<float>& row : gradients.k) totals.k += dot(row, row);
    for (const std::vector<float>& row : gradients.v) totals.v += dot(row, row);
  }

  // All up to 32; then some of each octave where they see different numbers of keys, and some of all
  // elsewhere.
  std::vector<Query> queries(Philox& random) const {
    std::vector<Query> drawn;
    const std::int64_t first = std::min<std::int64_t>(shape_.queries, 32);
    for (std::int64_t i = 0; shape_.causal && i < first; ++i) drawn.push_back({i, 1});
    for (std::int64_t begin = shape_.causal ? first : 0; begin < shape_.queries;) {
      const std::int64_t end = shape_.causal ? std::min(2 * begin, shape_.queries) : shape_.queries;
      const std::int64_t count = std::min<std::int64_t>(end - begin, shape_.causal ? 16 : 64);
      std::vector<std::int64_t> positions;
      for (std::int64_t i = begin; i < end; ++i) positions.push_back(i);
      random.shuffle(positions);
      for (std::int64_t i = 0; i < count; ++i) {
        drawn.push_back(
            {positions[to_size(i)], static_cast<double>(end - begin) / static_cast<double>(count)});
      }
      begin = end;
    }
    return drawn;
  }

  void add_query(Philox& random, const Query& query, const KeysAndValues& x, KeysAndValues& gradients,
                 Totals& totals) const {
    const Rows drawn = normal_rows(random, 2, shape_.head_size);
    const std::vector<float>& q = drawn[0];
    const std::vector<float>& g = drawn[1];
    std::vector<double> p(to_size(shape_.causal ? query.position + 1 : shape_.keys));
    for (std::size_t j = 0; j < p.size(); ++j) p[j] = shape_.scale * dot(q, x.k[j]);
    softmax_in_place(p);
    std::vector<double> keep(p.size());
    std::vector<double> dp(p.size());
    double mean = 0;
    for (std::size_t j = 0; j < p.size(); ++j) {
      keep[j] = random.uniform() < shape_.dropout ? 0 : 1 / (1 - shape_.dropout);
      dp[j] = keep[j] * dot(g, x.v[j]);
      mean += p[j] * dp[j];
    }
    std::vector<float> y(q.size());
    std::vector<float> dq(q.size());
    const double root = std::sqrt(query.weight);
    for (std::size_t j = 0; j < p.size(); ++j) {
      const double ds = shape_.scale * p[j] * (dp[j] - mean);
      add_product(y, keep[j] * p[j], x.v[j]);
      add_product(dq, ds, x.k[j]);
      add_product(gradients.k[j], root * ds, q);
      add_product(gradients.v[j], root * keep[j] * p[j], g);
    }
    totals.output += query.weight * dot(y, y);
    totals.q += query.weight * dot(dq, dq);
  }

  static void add_product(std::vector<float>& sum, double factor, const std::vector<float>& x) {
    const auto f = static_cast<float>(factor);
    for (std::size_t i = 0; i < x.size(); ++i) sum[i] += f * x[i];
  }

  AttentionShape shape_;
};

template <bool causal>
Case draw_attention(Philox& random) {
  AttentionShape shape;
  shape.head_size = draw_dimension(random, 16, 128);
  shape.keys = draw_dimension(random, 16, std::min(8192.0, 0x1p18 / static_cast<double>(shape.head_size)));
  shape.queries = causal ? shape.keys : draw_dimension(random);
  shape.scale = draw_multiplier(random) / std::sqrt(static_cast<double>(shape.head_size));
  shape.causal = causal;
  shape.dropout = random.below(2) == 0 ? 0 : 0.5 * random.uniform();
  return {fmt::format("{} queries, {} keys of {}, scale {:.4f}, dropout {:.3f}", shape.queries, shape.keys,
                      shape.head_size, shape.scale, shape.dropout),
          attention(shape), [op = Attention(shape)](Philox& draw) { return op.simulate(draw); }};
}

}  // namespace filigree::scaling::simulation
