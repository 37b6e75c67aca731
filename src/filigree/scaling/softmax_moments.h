// Moments of a softmax over n independent normal logits, exact for any n.
#pragma once

#include <cstdint>
#include <vector>

namespace filigree::scaling {

// Of p = softmax(sigma z), z_1 ... z_n independent and N(0, 1), for any of the n.
struct SoftmaxMoments {
  double n = 1;
  // E[p_i^2]
  double square = 1;
  // The mean square of b_i = p_i (g_i - sum over j of p_j g_j): what goes back into logit i from gradients g
  // of p that are independent and N(0, 1).
  double backward = 0;
  // The mean square of sum over i of b_i z_i, over n: what goes on to a factor of the logits along which they
  // differ. E[p_i^2 (z_i - sum over j of p_j z_j)^2].
  double backward_along = 0;
};

// The moments for one sigma and any number of logits. With S = sum of exp(sigma z_j) and 1 / S^k = the
// integral of t^(k - 1) exp(-t S) / Gamma(k), a product of powers of p becomes one integral over log t of a
// product of one-dimensional means, all under the weight exp(-t exp(sigma z)). Those means do not depend on
// n: they are computed once. Both integrals are trapezoidal sums; the moments are exact to 1e-5.
class SoftmaxIntegral {
 public:
  // For 1 to `largest` logits. Errors (usage): sigma outside [0, 256]; largest not above 0.
  SoftmaxIntegral(double sigma, std::int64_t largest);

  SoftmaxMoments moments(std::int64_t n) const;

 private:
  // At one t, with w = t exp(sigma z) and means under the density of z times exp(-w), normalised.
  struct Node {
    double log_weight = 0;      // log E[exp(-w)], before it is normalised
    double w1 = 0, w2 = 0;      // E[w^k]
    double w1_z = 0, w2_z = 0;  // E[w^k z]
    double w2_zz = 0;           // E[w^2 z^2]
  };
  class Grid;

  double largest_;
  std::vector<Node> nodes_;
};

}  // namespace filigree::scaling
