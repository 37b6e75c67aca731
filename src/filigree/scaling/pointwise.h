// Ideal factors of activation functions, exact for inputs and incoming gradients that are N(0, 1): where the
// paper (Unit Scaling, arXiv 2303.11257, table A.2) has constants and u-muP (2407.17465) fits, these are
// integrals.
#pragma once

#include <string_view>
#include <vector>

#include "filigree/scaling/factors.h"

namespace filigree::scaling {

// With the multiplier m of u-muP, by which they run from nearly linear (m small) to hard (m large):
enum class Pointwise {
  kRelu,      // max(x, 0): m changes nothing
  kGelu,      // x Phi(m x) = gelu(m x) / m
  kGeluTanh,  // the same with Phi(t) ~ (1 + tanh(sqrt(2 / pi) (t + 0.044715 t^3))) / 2
  kSilu,      // x sigmoid(m x)
  kTanh,      // tanh(m x)
  kSigmoid,   // sigmoid(m x)
};

// All of them, for options and tests.
struct PointwiseName {
  std::string_view name;  // as on the command line
  Pointwise function;
};
const std::vector<PointwiseName>& pointwise_names();

// y = f(x). Inputs: x. The output's factor makes the standard deviation 1, as the paper has it: where f's
// mean is not zero, the root mean square of the scaled output is above 1 (of sigmoid: 2.6).
// Errors (usage): a multiplier outside [1e-6, 1e6].
Factors pointwise(Pointwise function, double multiplier = 1);

// y = x f(gate): GLU with sigmoid, SwiGLU with SiLU, GEGLU with GELU. Inputs: x, gate.
// Errors (usage): as pointwise().
Factors gated(Pointwise function, double multiplier = 1);

}  // namespace filigree::scaling
