// What simulations of scaled ops share: shapes drawn at random, sums, and products of which only a block of
// the entries is computed. Included by tests only.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numbers>
#include <optional>
#include <string>
#include <vector>

#include "filigree/base/philox.h"
#include "filigree/scaling/factors.h"

namespace filigree::scaling::simulation {

// Of one simulated pass with inputs and incoming gradients that are N(0, 1): the unscaled op's output (a loss
// has none that is scaled) and the gradients of its inputs.
struct MeanSquares {
  std::optional<double> output;
  std::vector<double> inputs;
};

// An op at a shape.
struct Case {
  std::string shape;
  Factors factors;
  std::function<MeanSquares(Philox&)> simulate;
};

// From 16 to 8192 or as given, evenly in the logarithm.
inline std::int64_t draw_dimension(Philox& random, double low = 16, double high = 8192) {
  return std::llround(low * std::pow(high / low, random.uniform()));
}

// From 2^-4 to 2^4.
inline double draw_multiplier(Philox& random) { return std::exp2(8 * random.uniform() - 4); }

inline std::size_t to_size(std::int64_t value) { return static_cast<std::size_t>(value); }

class Sum {
 public:
  void add(double value) {
    ++count_;
    values_ += value;
    squares_ += value * value;
  }
  double mean_square() const { return squares_ / count_; }
  double mean() const { return values_ / count_; }
  double variance() const { return std::max(0.0, squares_ - values_ * values_ / count_) / (count_ - 1); }

 private:
  double count_ = 0;
  double values_ = 0;
  double squares_ = 0;
};

// Calls use(value) with `count` normal numbers: Box and Muller's method in single precision, three times as
// fast as Philox::normal(), which is most of what a simulation does.
template <typename F>
void for_each_normal(Philox& random, std::int64_t count, const F& use) {
  const auto turn = 2 * std::numbers::pi_v<float>;
  for (std::int64_t i = 0; i < count; i += 2) {
    const float uniform = (static_cast<float>(random.next_u32() >> 8) + 0.5F) * 0x1p-24F;
    const float radius = std::sqrt(-2 * std::log(uniform));
    const float angle = turn * (static_cast<float>(random.next_u32() >> 8) * 0x1p-24F);
    use(radius * std::cos(angle));
    if (i + 1 < count) use(radius * std::sin(angle));
  }
}

// Vectors of one length.
using Rows = std::vector<std::vector<float>>;

inline Rows normal_rows(Philox& random, std::int64_t count, std::int64_t length) {
  Rows rows(to_size(count));
  for (std::vector<float>& row : rows) {
    row.reserve(to_size(length));
    for_each_normal(random, length, [&](float value) { row.push_back(value); });
  }
  return rows;
}

inline double dot(const std::vector<float>& x, const std::vector<float>& y) {
  float sums[8] = {};  // rounding matters less than 1e-4 here
  std::size_t i = 0;
  for (; i + 8 <= x.size(); i += 8) {
    for (std::size_t lane = 0; lane < 8; ++lane) sums[lane] += x[i + lane] * y[i + lane];
  }
  double sum = 0;
  for (const float lane : sums) sum += static_cast<double>(lane);
  for (; i < x.size(); ++i) sum += static_cast<double>(x[i]) * static_cast<double>(y[i]);
  return sum;
}

// Of the entries x_i . y_j of a product.
inline double product_mean_square(const Rows& left, const Rows& right) {
  Sum sum;
  for (const std::vector<float>& x : left) {
    for (const std::vector<float>& y : right) sum.add(dot(x, y));
  }
  return sum.mean_square();
}

// Of sums of `terms` normal numbers: as many sums as take some 2^17 numbers, within 100 to 2000.
inline double sum_mean_square(Philox& random, std::int64_t terms) {
  Sum sum;
  for (std::int64_t left = std::clamp<std::int64_t>((1 << 17) / terms, 100, 2000); left > 0; --left) {
    double value = 0;
    for_each_normal(random, terms, [&](float term) { value += static_cast<double>(term); });
    sum.add(value);
  }
  return sum.mean_square();
}

}  // namespace filigree::scaling::simulation
