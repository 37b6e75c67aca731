#include "filigree/scaling/pointwise.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "filigree/base/error.h"
#include "filigree/scaling/arguments.h"
#include "filigree/scaling/quadrature.h"

namespace filigree::scaling {
namespace {

// A function at x, and its derivative.
struct Jet {
  double value;
  double slope;
};

double sigmoid(double t) { return 1 / (1 + std::exp(-t)); }

// x g(m x), of a g that rises from 0 to 1 and has the derivative dg.
Jet times_gate(double x, double m, double g, double dg) { return {x * g, g + m * x * dg}; }

Jet gelu(double x, double m) {
  return times_gate(x, m, std::erfc(-m * x / std::numbers::sqrt2) / 2, normal_density(m * x));
}

Jet gelu_tanh(double x, double m) {
  constexpr double kCubic = 0.044715;
  const double root = std::sqrt(2 / std::numbers::pi);
  const double t = m * x;
  // (1 + tanh(z)) / 2 = sigmoid(2 z)
  const double g = sigmoid(2 * root * (t + kCubic * t * t * t));
  return times_gate(x, m, g, g * (1 - g) * 2 * root * (1 + 3 * kCubic * t * t));
}

Jet silu(double x, double m) {
  const double g = sigmoid(m * x);
  return times_gate(x, m, g, g * (1 - g));
}

Jet tanh_of(double x, double m) {
  const double y = std::tanh(m * x);
  return {y, m * (1 - y) * (1 + y)};
}

Jet sigmoid_of(double x, double m) {
  const double y = sigmoid(m * x);
  return {y, m * y * (1 - y)};
}

Jet jet(Pointwise function, double x, double m) {
  switch (function) {
    case Pointwise::kRelu: return {std::max(x, 0.0), x > 0 ? 1.0 : 0.0};
    case Pointwise::kGelu: return gelu(x, m);
    case Pointwise::kGeluTanh: return gelu_tanh(x, m);
    case Pointwise::kSilu: return silu(x, m);
    case Pointwise::kTanh: return tanh_of(x, m);
    case Pointwise::kSigmoid: return sigmoid_of(x, m);
  }
  fail("pointwise function {} is unknown", static_cast<int>(function));
}

struct Spread {
  double mean_square;
  double variance;
  double slope_mean_square;
};

// The kink of relu lies on a node, where the trapezoidal rule is no longer exact.
constexpr Spread kReluSpread{
    .mean_square = 0.5, .variance = 0.5 - 0.5 / std::numbers::pi, .slope_mean_square = 0.5};

Spread spread(Pointwise function, double multiplier) {
  checked_between(multiplier, 1e-6, 1e6, "multiplier");
  if (function == Pointwise::kRelu) return kReluSpread;
  const auto mean_of = [&](auto of) {
    return normal_mean(multiplier, [&](double x) { return of(jet(function, x, multiplier)); });
  };
  const double mean = mean_of([](const Jet& f) { return f.value; });
  // Around the mean: the difference of two nearly equal numbers would lose the variance of a flat function.
  const double variance = mean_of([&](const Jet& f) { return (f.value - mean) * (f.value - mean); });
  return {.mean_square = variance + mean * mean,
          .variance = variance,
          .slope_mean_square = mean_of([](const Jet& f) { return f.slope * f.slope; })};
}

}  // namespace

const std::vector<PointwiseName>& pointwise_names() {
  static const std::vector<PointwiseName> kNames{
      {"relu", Pointwise::kRelu}, {"gelu", Pointwise::kGelu}, {"gelu-tanh", Pointwise::kGeluTanh},
      {"silu", Pointwise::kSilu}, {"tanh", Pointwise::kTanh}, {"sigmoid", Pointwise::kSigmoid},
  };
  return kNames;
}

Factors pointwise(Pointwise function, double multiplier) {
  const Spread f = spread(function, multiplier);
  return {.output = 1 / std::sqrt(f.variance), .inputs = {1 / std::sqrt(f.slope_mean_square)}};
}

Factors gated(Pointwise function, double multiplier) {
  const Spread f = spread(function, multiplier);
  // x has mean 0 and is independent of the gate, so that the product's variance is E[f^2]; the gradient of x
  // is dy f, that of the gate dy x f'.
  const double of_value = 1 / std::sqrt(f.mean_square);
  return {.output = of_value, .inputs = {of_value, 1 / std::sqrt(f.slope_mean_square)}};
}

}  // namespace filigree::scaling
