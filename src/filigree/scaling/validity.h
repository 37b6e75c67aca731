// Whether the gradients of a graph of scaled ops are those of the function that its forward pass computes.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "filigree/scaling/factors.h"
#include "filigree/scaling/graph.h"

namespace filigree::scaling {

// Two ways from a node to the output on which gradient and function differ by different factors.
struct Conflict {
  // An input of an op that consumes the node.
  struct Use {
    NodeId op;
    std::size_t input;
  };
  NodeId node;
  Use first;
  Use second;
  // What gradients by way of the second use have too much, relative to the first.
  double excess;

  std::string text(const Graph& graph) const;
};

struct Validity {
  // Unset where gradients are right.
  std::optional<Conflict> conflict;
  // Where they are, of each node the natural logarithm of a constant: the gradient that comes out for it is
  // the constant times the derivative of the output by the node's value, in the graph as it is computed
  // forward, with the factors α. (Logarithms, because a deep chain's constants may be beyond a double.)
  std::vector<double> log_constants;
};

// A path's gradient is off by the product of β_e / α of its edges e, α being that of the op which consumes e,
// so the gradient of each leaf is right up to one positive constant, whatever the ops compute, if and only if
// for each node this product is the same on all paths from it to the output. This accepts more than the
// cut-edge rule, which is as much freedom as there is where each op's factors are chosen on their own: for an
// edge that is no bridge, some node has paths with it and paths without it, so that a ratio other than 1 must
// be made up for elsewhere, as the second end of a residual branch with delayed weight does for the first.
//
// `factors` are by node; those of leaves are not read. Products are the same within 1e-9, relative.
// Linear time. Errors: Graph::validate()'s; sizes that are not the graph's.
Validity check_gradients(const Graph& graph, std::span<const Factors> factors);

}  // namespace filigree::scaling
