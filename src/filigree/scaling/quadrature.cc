#include "filigree/scaling/quadrature.h"

namespace filigree::scaling {

std::vector<ChiNode> chi_nodes(double dimension) {
  // The density of y = log |x| is proportional to exp(d y - exp(2 y) / 2), here relative to its mode at |x|^2
  // = d; its standard deviation is close to (2 d)^-1/2, and in few dimensions it is skew.
  constexpr double kLowest = -16;
  const double step = 0.75 / std::sqrt(2 * dimension + 4);
  const auto log_density = [&](double y) { return dimension * (y - std::expm1(2 * y) / 2); };
  std::vector<ChiNode> nodes;
  double sum = 0;
  const auto add_while_dense = [&](int first, int direction) {
    for (int i = first;; i += direction) {
      const double density = log_density(i * step);
      if (density < kLowest) break;
      nodes.push_back({std::sqrt(dimension) * std::exp(i * step), std::exp(density)});
      sum += nodes.back().weight;
    }
  };
  add_while_dense(0, 1);
  add_while_dense(-1, -1);
  for (ChiNode& node : nodes) node.weight /= sum;
  return nodes;
}

}  // namespace filigree::scaling
