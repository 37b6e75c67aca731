#include "filigree/scaling/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/philox.h"
#include "filigree/scaling/softmax.h"

namespace filigree::scaling {
namespace {

TEST(Attention, OfFlatLogitsAverages) {
  // p = 1 / keys: outputs and gradients are means of independent values.
  const Factors factors = attention({.queries = 9, .keys = 36, .head_size = 16, .scale = 1e-5});
  EXPECT_NEAR(factors.output, 6, 1e-5);
  EXPECT_NEAR(factors.inputs.at(2), 36 / std::sqrt(9.0), 1e-5);
  const double flat = std::sqrt(1 - 1.0 / 36) * 1e-5 * 4;
  EXPECT_NEAR(factors.inputs.at(0) * flat, 6, 1e-4);
  EXPECT_NEAR(factors.inputs.at(1) * flat, 36 / std::sqrt(9.0), 1e-4);
}

TEST(Attention, OfLargeHeadsIsASoftmaxOfNormalLogits) {
  const double deviation = 2;
  const Factors factors =
      attention({.queries = 64, .keys = 64, .head_size = 1 << 20, .scale = deviation / 1024});
  const Factors rows = softmax(64, deviation);
  EXPECT_NEAR(factors.output, rows.output / 8, 1e-3);
  EXPECT_NEAR(factors.inputs[0], rows.inputs[0] / 8, 1e-3);
  EXPECT_NEAR(factors.inputs[1], rows.inputs[0] / 8, 1e-3);
}

// Between the positions that are computed, those of a causal attention are interpolated; query i sees as many
// keys as a whole attention over i + 1.
TEST(Attention, ByPositionIsThatOverSoManyKeys) {
  for (const double m : {0.5, 1.0, 4.0}) {
    AttentionShape shape{.queries = 3000, .keys = 3000, .head_size = 32, .scale = m / std::sqrt(32.0)};
    shape.causal = true;
    shape.dropout = 0.19;
    const std::vector<double> factors = attention_output_by_position(shape);
    ASSERT_EQ(factors.size(), 3000U);
    EXPECT_NEAR(factors[0], 0.9, 1e-5) << "one key: nothing but dropout";
    double mean = 0;
    for (const double factor : factors) mean += 1 / (factor * factor * 3000);
    EXPECT_NEAR(attention(shape).output, 1 / std::sqrt(mean), 1e-9);
    shape.causal = false;
    for (const std::int64_t keys : {2, 3, 10, 18, 101, 1000, 2750, 3000}) {
      shape.queries = 1;
      shape.keys = keys;
      EXPECT_NEAR(factors[static_cast<std::size_t>(keys - 1)] / attention(shape).output, 1, 1e-3) << keys;
    }
  }
}

// muS (arXiv 2502.05967): the variance of position k of a causal attention is about e / k where logits are
// N(0, 1).
TEST(Attention, ByPositionFallsAsPublished) {
  const std::vector<double> factors = attention_output_by_position(
      {.queries = 4096, .keys = 4096, .head_size = 1024, .scale = 1.0 / 32, .causal = true});
  EXPECT_NEAR(std::pow(factors.back(), -2) * 4096 / std::exp(1), 1, 0.02);
}

// Mean squares of output and gradients over whole small attentions, where neither keys nor head sizes are
// many.
class Simulation {
 public:
  explicit Simulation(const AttentionShape& shape) : shape_(shape) {}

  std::vector<double> mean_squares(int draws) {
    for (int draw = 0; draw < draws; ++draw) {
      for (std::vector<double>* x : {&q_, &g_}) fill(*x, shape_.queries);
      for (std::vector<double>* x : {&k_, &v_}) fill(*x, shape_.keys);
      dk_.assign(k_.size(), 0);
      dv_.assign(v_.size(), 0);
      for (std::int64_t i = 0; i < shape_.queries; ++i) add_query(i);
      for (const double x : dk_) sums_[2] += x * x;
      for (const double x : dv_) sums_[3] += x * x;
    }
    const auto query_values = static_cast<double>(q_.size()) * draws;
    const auto key_values = static_cast<double>(k_.size()) * draws;
    return {sums_[0] / query_values, sums_[1] / query_values, sums_[2] / key_values, sums_[3] / key_values};
  }

 private:
  void fill(std::vector<double>& x, std::int64_t rows) {
    x.resize(static_cast<std::size_t>(rows * shape_.head_size));
    for (double& value : x) value = random_.normal();
  }

  double dot(const std::vector<double>& x, std::int64_t i, const std::vector<double>& y,
             std::int64_t j) const {
    double sum = 0;
    for (std::int64_t c = 0; c < shape_.head_size; ++c) sum += x[at(i, c)] * y[at(j, c)];
    return sum;
  }
  std::size_t at(std::int64_t row, std::int64_t component) const {
    return static_cast<std::size_t>(row * shape_.head_size + component);
  }

  void add_query(std::int64_t i) {
    const std::int64_t seen = shape_.causal ? i + 1 : shape_.keys;
    std::vector<double> p, keep, dp;
    double total = 0;
    for (std::int64_t j = 0; j < seen; ++j) {
      p.push_back(std::exp(shape_.scale * dot(q_, i, k_, j)));
      total += p.back();
      keep.push_back(random_.uniform() < shape_.dropout ? 0 : 1 / (1 - shape_.dropout));
    }
    double mean = 0;
    for (std::size_t j = 0; j < p.size(); ++j) {
      p[j] /= total;
      dp.push_back(keep[j] * dot(g_, i, v_, static_cast<std::int64_t>(j)));
      mean += p[j] * dp[j];
    }
    for (std::int64_t c = 0; c < shape_.head_size; ++c) {
      double y = 0;
      double dq = 0;
      for (std::size_t j = 0; j < p.size(); ++j) {
        const std::size_t place = at(static_cast<std::int64_t>(j), c);
        const double ds = shape_.scale * p[j] * (dp[j] - mean);
        y += keep[j] * p[j] * v_[place];
        dq += ds * k_[place];
        dk_[place] += ds * q_[at(i, c)];
        dv_[place] += keep[j] * p[j] * g_[at(i, c)];
      }
      sums_[0] += y * y;
      sums_[1] += dq * dq;
    }
  }

  AttentionShape shape_;
  Philox random_{20'230'311, Purpose::kTest};
  std::vector<double> q_, k_, v_, g_, dk_, dv_;
  double sums_[4] = {};
};

TEST(Attention, AgreesWithSimulation) {
  const AttentionShape shapes[] = {
      {.queries = 4, .keys = 6, .head_size = 3, .scale = 0.8},
      {.queries = 5, .keys = 5, .head_size = 2, .scale = 2, .causal = true},
      {.queries = 3, .keys = 2, .head_size = 4, .scale = 4, .dropout = 0.3},
      {.queries = 2, .keys = 20, .head_size = 1, .scale = 1.5},
      {.queries = 12, .keys = 12, .head_size = 8, .scale = 0.5, .causal = true, .dropout = 0.1}};
  for (const AttentionShape& shape : shapes) {
    const Factors factors = attention(shape);
    const std::vector<double> squares = Simulation(shape).mean_squares(40'000);
    EXPECT_NEAR(factors.output * std::sqrt(squares[0]), 1, 0.01) << shape.keys;
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(factors.inputs[i] * std::sqrt(squares[i + 1]), 1, 0.02) << shape.keys << " input " << i;
    }
  }
}

TEST(Attention, RefusesWhatIsNoShape) {
  const AttentionShape good{.queries = 4, .keys = 4, .head_size = 16, .scale = 0.25};
  EXPECT_NO_THROW(attention(good));
  const auto refuses = [&](auto change) {
    AttentionShape shape = good;
    change(shape);
    EXPECT_THROW(attention(shape), Error);
    EXPECT_THROW(attention_output_by_position(shape), Error);
  };
  refuses([](AttentionShape& shape) { shape.queries = 0; });
  refuses([](AttentionShape& shape) { shape.keys = 1; });
  refuses([](AttentionShape& shape) { shape.head_size = 0; });
  refuses([](AttentionShape& shape) { shape.scale = 0; });
  refuses([](AttentionShape& shape) { shape.scale = 9; });
  refuses([](AttentionShape& shape) { shape.scale = std::nan(""); });
  refuses([](AttentionShape& shape) { shape.dropout = 1; });
  refuses([](AttentionShape& shape) {
    shape.causal = true;
    shape.queries = 3;
  });
}

}  // namespace
}  // namespace filigree::scaling
