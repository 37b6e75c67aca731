// Means over a standard normal variable, and over the length of a vector of them, by the trapezoidal rule.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace filigree::scaling {

inline double normal_density(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi); }

// E[f(X)], X ~ N(0, 1), for an f whose features are as wide as 1 / steepness or wider and that grows no
// faster than a power. Nodes are x = sinh(s) / max(1, steepness): as dense around 0 as a steep f needs,
// sparse elsewhere. Exact to 1e-12 for functions of x * steepness that are analytic in a strip, such as
// sigmoid.
template <typename F>
double normal_mean(double steepness, const F& f) {
  constexpr double kStep = 0.1;
  constexpr double kReach = 12;  // the normal density there is 2e-32
  const double width = 1 / std::max(1.0, steepness);
  const int last = static_cast<int>(std::ceil(std::asinh(kReach / width) / kStep));
  double sum = 0;
  for (int i = -last; i <= last; ++i) {
    const double x = std::sinh(i * kStep) * width;
    sum += f(x) * normal_density(x) * std::cosh(i * kStep);
  }
  return sum * width * kStep;
}

// E[f(|x|)] of a vector x of `dimension` normal components is the sum of weight * f(value). Nodes are
// equidistant in log |x|; exact to 1e-6 for a smooth f that grows no faster than a power (to 1e-3 in one
// dimension).
struct ChiNode {
  double value;
  double weight;
};
std::vector<ChiNode> chi_nodes(double dimension);

}  // namespace filigree::scaling
