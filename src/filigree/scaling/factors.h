// The factors of a scaled op (Unit Scaling, arXiv 2303.11257, section 3): y = output · f(x_1, x_2, ...), and
// what goes back into x_i is inputs[i] · ∂f/∂x_i applied to the incoming gradient. They are constants that
// follow from shapes, so that values and gradients have a standard deviation near 1 at initialisation.
#pragma once

#include <string_view>
#include <vector>

namespace filigree::scaling {

struct Factors {
  // α, forward.
  double output = 1;
  // β of each differentiable input, in the op's order.
  std::vector<double> inputs;

  friend bool operator==(const Factors&, const Factors&) = default;
};

// What output and bound inputs have in common, where the graph demands a common factor.
enum class Constraint {
  kNone,           // nothing: gradients of different parts no longer fit together where the graph demands it
  kGeometricMean,  // the paper's: their product is kept
  kHarmonicMean,
  kArithmeticMean,
  kOutput,    // the output's: values are unit-scaled, gradients need not be
  kGradient,  // the first bound input's: its gradient is unit-scaled, values need not be
};

// All of them, for options and tests.
struct ConstraintName {
  std::string_view name;  // as on the command line
  Constraint constraint;
};
const std::vector<ConstraintName>& constraint_names();
// Errors: no such name; the message lists them.
Constraint parse_constraint(std::string_view name);
std::string_view constraint_name(Constraint constraint);

// `ideal` with one common factor for the output and those inputs for which `bound` says so; the others keep
// theirs. Where none is bound, `ideal` itself. bound.size() must be that of ideal.inputs.
// Errors: sizes differ; a factor that is not positive and finite.
Factors constrain(const Factors& ideal, const std::vector<bool>& bound, Constraint constraint);

}  // namespace filigree::scaling
