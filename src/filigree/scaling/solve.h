// The factors of every op of a graph, from the ideal ones that shapes give and the constraint that the graph
// puts on them (Unit Scaling, arXiv 2303.11257, section 5).
#pragma once

#include <vector>

#include "filigree/scaling/factors.h"
#include "filigree/scaling/graph.h"
#include "filigree/scaling/validity.h"

namespace filigree::scaling {

struct SolveOptions {
  // Of ops that have none of their own.
  Constraint constraint = Constraint::kGeometricMean;
  // Whether gradients that do not fit together are an error. For experiments with Constraint::kNone.
  bool require_valid = true;
};

struct Solution {
  // All by node. Leaves have none.
  std::vector<Factors> factors;
  // Which inputs the graph binds: all but those on bridges (fixed ops' too, though the solver leaves them
  // alone).
  std::vector<std::vector<bool>> bound;
  Validity validity;

  // What the gradient that comes out for a leaf (or any node) is multiplied by, beside the true one of the
  // graph as computed forward: what an optimiser that is not invariant to it, or a conversion, has to divide
  // by. May overflow or underflow where logarithms in `validity` do not. Errors: gradients that do not fit
  // together.
  double gradient_constant(NodeId node) const;
};

// For each node and each of its inputs, whether the edge is bound: whether it is no bridge. A parameter that
// is used once hangs on a bridge; a tied one does not. Errors: Graph::validate()'s.
std::vector<std::vector<bool>> bound_inputs(const Graph& graph);

// constrain()s the factors of each op, its bound inputs with its output, but for those that are fixed, and
// checks the gradients that result. Linear time.
// Errors: Graph::validate()'s; gradients that do not fit together, because fixed factors do not cancel out or
// because kNone is the constraint of an op with bound inputs (see SolveOptions).
Solution solve(const Graph& graph, const SolveOptions& options = {});

}  // namespace filigree::scaling
