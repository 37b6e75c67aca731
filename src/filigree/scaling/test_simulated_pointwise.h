// Simulations of ops that act element by element or row by row. Included by tests only.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "filigree/scaling/elementwise.h"
#include "filigree/scaling/pointwise.h"
#include "filigree/scaling/test_simulation.h"

namespace filigree::scaling::simulation {

inline constexpr int kElements = 8000;

// The functions, for differences instead of derivatives.
inline double value_of(Pointwise function, double x, double m) {
  switch (function) {
    case Pointwise::kRelu: return std::max(x, 0.0);
    case Pointwise::kGelu: return x * 0.5 * (1 + std::erf(m * x / std::sqrt(2.0)));
    case Pointwise::kGeluTanh: {
      const double t = m * x;
      return x * 0.5 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (t + 0.044715 * t * t * t)));
    }
    case Pointwise::kSilu: return x / (1 + std::exp(-m * x));
    case Pointwise::kTanh: return std::tanh(m * x);
    case Pointwise::kSigmoid: return 1 / (1 + std::exp(-m * x));
  }
  return 0;
}
inline double slope_of(Pointwise function, double x, double m) {
  const double step = 1e-5 / std::max(1.0, m);
  return (value_of(function, x + step, m) - value_of(function, x - step, m)) / (2 * step);
}

template <Pointwise function>
Case draw_pointwise(Philox& random) {
  const double m = draw_multiplier(random);
  return {fmt::format("multiplier {:.3f}", m), pointwise(function, m), [=](Philox& draw) {
            Sum output;
            Sum gradient;
            for (int i = 0; i < kElements; ++i) {
              const double x = draw.normal();
              output.add(value_of(function, x, m));
              gradient.add(draw.normal() * slope_of(function, x, m));
            }
            return MeanSquares{output.variance(), {gradient.mean_square()}};
          }};
}

template <Pointwise function>
Case draw_gated(Philox& random) {
  const double m = draw_multiplier(random);
  return {fmt::format("multiplier {:.3f}", m), gated(function, m), [=](Philox& draw) {
            Sum output;
            Sum of_x;
            Sum of_gate;
            for (int i = 0; i < kElements; ++i) {
              const double x = draw.normal();
              const double gate = draw.normal();
              const double dy = draw.normal();
              output.add(x * value_of(function, gate, m));
              of_x.add(dy * value_of(function, gate, m));
              of_gate.add(dy * x * slope_of(function, gate, m));
            }
            return MeanSquares{output.variance(), {of_x.mean_square(), of_gate.mean_square()}};
          }};
}

inline Case draw_dropout(Philox& random) {
  const double p = 0.95 * random.uniform();
  return {fmt::format("p {:.3f}", p), dropout(p), [=](Philox& draw) {
            Sum output;
            Sum gradient;
            for (int i = 0; i < 4 * kElements; ++i) {
              const double keep = draw.uniform() < p ? 0 : 1 / (1 - p);
              output.add(keep * draw.normal());
              gradient.add(keep * draw.normal());
            }
            return MeanSquares{output.mean_square(), {gradient.mean_square()}};
          }};
}

inline Case draw_sum(Philox& random) {
  const std::int64_t terms = draw_dimension(random);
  return {fmt::format("{} terms", terms), sum(terms), [=](Philox& draw) {
            return MeanSquares{sum_mean_square(draw, terms), {sum_mean_square(draw, 1)}};
          }};
}

inline Case draw_weighted_sum(Philox& random) {
  std::vector<double> weights;
  for (std::uint64_t left = 2 + random.below(5); left > 0; --left) weights.push_back(2 * random.normal());
  return {fmt::format("{} weights from {:.3f}", weights.size(), weights[0]), weighted_sum(weights),
          [=](Philox& draw) {
            Sum output;
            std::vector<Sum> gradients(weights.size());
            for (int i = 0; i < kElements; ++i) {
              const double dy = draw.normal();
              double y = 0;
              for (std::size_t k = 0; k < weights.size(); ++k) {
                y += weights[k] * draw.normal();
                gradients[k].add(weights[k] * dy);
              }
              output.add(y);
            }
            MeanSquares squares{output.mean_square(), {}};
            for (const Sum& gradient : gradients) squares.inputs.push_back(gradient.mean_square());
            return squares;
          }};
}

// x [rows x columns] + y [columns].
inline Case draw_add(Philox& random) {
  const std::int64_t rows = draw_dimension(random);
  const std::int64_t columns = draw_dimension(random);
  return {fmt::format("{} x {}", rows, columns), add(rows * columns, {rows * columns, columns}),
          [=](Philox& draw) {
            Sum output;
            Sum of_x;
            Sum of_y;
            // As many columns as it takes: those of the operand are independent.
            for (std::int64_t c = 0; c < 200; ++c) {
              const double y = draw.normal();
              double dy = 0;
              for_each_normal(draw, rows, [&](float value) {
                const auto g = static_cast<double>(value);
                dy += g;
                of_x.add(g);
              });
              for (int r = 0; r < 16; ++r) output.add(draw.normal() + y);
              of_y.add(dy);
            }
            return MeanSquares{output.mean_square(), {of_x.mean_square(), of_y.mean_square()}};
          }};
}

inline Case draw_mse(Philox& random) {
  const std::int64_t elements = draw_dimension(random);
  return {fmt::format("{} elements", elements), mse(elements), [=](Philox& draw) {
            Sum gradient;
            for (int i = 0; i < kElements; ++i) {
              gradient.add(2 * (draw.normal() - draw.normal()) / static_cast<double>(elements));
            }
            return MeanSquares{std::nullopt, {gradient.mean_square(), gradient.mean_square()}};
          }};
}

// Layer norm and RMS norm of the whole matrix, weights at their initial 1 and biases at 0.
class Norm {
 public:
  Norm(std::int64_t rows, std::int64_t width, bool centred) : rows_(rows), width_(width), centred_(centred) {}

  MeanSquares simulate(Philox& random) const {
    Sum sums[4];
    for (std::int64_t columns = 0; columns < kColumns; columns += width_) add(random, sums);
    MeanSquares squares{sums[0].mean_square(), {sums[1].mean_square(), sums[2].mean_square()}};
    if (centred_) squares.inputs.push_back(sums[3].mean_square());
    return squares;
  }

 private:
  // At least so many weights are measured: matrices of fewer columns are drawn more than once.
  static constexpr std::int64_t kColumns = 128;

  // Of one matrix: output, gradients of x, weight and bias.
  void add(Philox& random, Sum* sums) const {
    std::vector<double> of_weight(to_size(width_));
    std::vector<double> of_bias(to_size(width_));
    for (std::int64_t r = 0; r < rows_; ++r) {
      std::vector<double> y = normals(random);
      const std::vector<double> g = normals(random);
      const double scale = normalise(y);
      double mean_g = 0;
      double mean_gy = 0;
      for (std::size_t c = 0; c < y.size(); ++c) {
        mean_g += centred_ ? g[c] / static_cast<double>(width_) : 0;
        mean_gy += g[c] * y[c] / static_cast<double>(width_);
      }
      for (std::size_t c = 0; c < y.size(); ++c) {
        sums[0].add(y[c]);
        sums[1].add(scale * (g[c] - mean_g - y[c] * mean_gy));
        of_weight[c] += g[c] * y[c];
        of_bias[c] += g[c];
      }
    }
    for (const double gradient : of_weight) sums[2].add(gradient);
    for (const double gradient : of_bias) sums[3].add(gradient);
  }

  std::vector<double> normals(Philox& random) const {
    std::vector<double> x;
    for_each_normal(random, width_, [&](float value) { x.push_back(static_cast<double>(value)); });
    return x;
  }

  // Gives 1 over the standard deviation or the root mean square.
  double normalise(std::vector<double>& x) const {
    double mean = 0;
    for (const double value : x) mean += centred_ ? value / static_cast<double>(width_) : 0;
    double square = 0;
    for (double& value : x) {
      value -= mean;
      square += value * value / static_cast<double>(width_);
    }
    for (double& value : x) value /= std::sqrt(square);
    return 1 / std::sqrt(square);
  }

  std::int64_t rows_;
  std::int64_t width_;
  bool centred_;
};

template <bool centred>
Case draw_norm(Philox& random) {
  const std::int64_t width = draw_dimension(random);
  // A gradient of the weight needs whole rows: at most 2^17 elements.
  const double most = 0x1p17 / static_cast<double>(std::max<std::int64_t>(width, 64));
  const std::int64_t rows = draw_dimension(random, 16, most);
  return {fmt::format("{} rows of {}", rows, width), centred ? layer_norm(rows) : rms_norm(rows),
          [op = Norm(rows, width, centred)](Philox& draw) { return op.simulate(draw); }};
}

}  // namespace filigree::scaling::simulation
