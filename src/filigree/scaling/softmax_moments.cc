#include "filigree/scaling/softmax_moments.h"

#include <algorithm>
#include <cmath>

#include "filigree/base/error.h"
#include "filigree/scaling/arguments.h"
#include "filigree/scaling/quadrature.h"

namespace filigree::scaling {
namespace {

// Steps of log t and of log w. What the trapezoidal rule misses is the transform of exp(-w) w^k, |Gamma(k +
// 2 pi i / step)|: at most 1e-5 of the integral.
constexpr double kStep = 0.4;
// Where exp(-w) is 1, and where it is 0, to the accuracy that is wanted.
constexpr double kLowestLogW = -32;
constexpr double kHighestLogW = 5;
constexpr double kReach = 8.5;  // of z; the normal tail there is 1e-17

}  // namespace

// Equidistant z with the weights of the trapezoidal rule.
class SoftmaxIntegral::Grid {
 public:
  explicit Grid(double sigma)
      : sigma_(sigma), step_(std::min(0.8, kStep / std::max(sigma, 1e-9))), first_(-kReach) {
    // w^2 moves the weight to the right by 2 sigma, unless exp(-w) ends it before.
    const double last = std::min(kReach + 2 * sigma, 38.0);
    const auto count = static_cast<std::size_t>(std::ceil((last - first_) / step_)) + 1;
    for (std::size_t i = 0; i < count; ++i) weights_.push_back(normal_density(z(i)) * step_);
    below_.assign(count + 1, 0);
    for (std::size_t i = 0; i < count; ++i) below_[i + 1] = below_[i] + weights_[i];
  }

  Node node(double log_t) const {
    const std::size_t begin = index(kLowestLogW - log_t);
    const std::size_t end = std::max(begin, index(kHighestLogW - log_t));
    Node node;
    double kept = below_[begin];                // E[exp(-w)]
    double lost = below_.back() - below_[end];  // 1 - that
    for (std::size_t i = begin; i < end; ++i) {
      const double w = std::exp(log_t + sigma_ * z(i));
      const double minus_one = std::expm1(-w);
      lost -= weights_[i] * minus_one;
      const double weight = weights_[i] * (1 + minus_one);
      kept += weight;
      add(node, weight, w, z(i));
    }
    for (double* mean : {&node.w1, &node.w2, &node.w1_z, &node.w2_z, &node.w2_zz}) *mean /= kept;
    // Raised to the n-th power, each form where it is the accurate one.
    node.log_weight = lost < 0.5 ? std::log1p(-lost) : std::log(kept);
    return node;
  }

 private:
  double z(std::size_t i) const { return first_ + static_cast<double>(i) * step_; }

  // The first node with sigma z at least `value`.
  std::size_t index(double value) const {
    const double place = std::ceil((value / std::max(sigma_, 1e-9) - first_) / step_);
    return static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(weights_.size())));
  }

  static void add(Node& node, double weight, double w, double z) {
    const double w1 = weight * w;
    const double w2 = w1 * w;
    node.w1 += w1;
    node.w2 += w2;
    node.w1_z += w1 * z;
    node.w2_z += w2 * z;
    node.w2_zz += w2 * z * z;
  }

  double sigma_;
  double step_;
  double first_;
  std::vector<double> weights_;
  std::vector<double> below_;  // sums of the weights before each node
};

SoftmaxIntegral::SoftmaxIntegral(double sigma, std::int64_t largest)
    : largest_(checked_size(largest, "softmax classes")) {
  checked_between(sigma, 0, 256, "standard deviation of logits");
  const Grid grid(sigma);
  // The integrands are log-concave in log t. To the right the weight ends them, for two logits last; to the
  // left w^2, which stands against the least possible E[p^2], 1 / n^2.
  constexpr double kNegligible = 1e-12;
  for (double log_t = 0;; log_t += kStep) {
    nodes_.push_back(grid.node(log_t));
    if (std::exp(2 * nodes_.back().log_weight) < kNegligible) break;
  }
  for (double log_t = -kStep;; log_t -= kStep) {
    nodes_.push_back(grid.node(log_t));
    if (nodes_.back().w2 * largest_ * largest_ < kNegligible) break;
  }
}

SoftmaxMoments SoftmaxIntegral::moments(std::int64_t n) const {
  const double count = checked_size(n, "softmax classes");
  if (count > largest_) fail("moments of {} logits are asked, of at most {} prepared", n, largest_);
  if (n == 1) return {};
  // p_i (1 - p_i) = sum over j != i of p_i p_j makes differences, where p is near 0 or 1 and cancels, sums of
  // what pairs and triples of logits give; for two others j and k apart, and for one alone.
  SoftmaxMoments sums{.n = count, .square = 0};
  const double ones = count - 1;
  const double twos = ones * (count - 2);
  for (const Node& m : nodes_) {
    const double weight = kStep * std::exp(count * m.log_weight);
    sums.square += weight * m.w2;
    // 1 / Gamma(4), for the fourth power of S.
    const double fourth = weight / 6;
    // E[p_i^2 p_j^2] and E[p_i^2 p_j p_k]
    sums.backward += fourth * m.w2 * (2 * ones * m.w2 + twos * m.w1 * m.w1);
    // E[p_i^2 p_j^2 (z_i - z_j)^2] and E[p_i^2 p_j p_k (z_i - z_j) (z_i - z_k)]
    const double pair = 2 * (m.w2_zz * m.w2 - m.w2_z * m.w2_z);
    const double triple = m.w2_zz * m.w1 * m.w1 - 2 * m.w2_z * m.w1_z * m.w1 + m.w2 * m.w1_z * m.w1_z;
    sums.backward_along += fourth * (ones * pair + twos * triple);
  }
  return sums;
}

}  // namespace filigree::scaling
