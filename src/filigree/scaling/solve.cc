#include "filigree/scaling/solve.h"

#include <cmath>

#include "filigree/base/error.h"

namespace filigree::scaling {

double Solution::gradient_constant(NodeId node) const {
  if (validity.conflict) fail("gradients do not fit together: they are no multiples of the true ones");
  return std::exp(validity.log_constants[node]);
}

std::vector<std::vector<bool>> bound_inputs(const Graph& graph) {
  graph.validate();
  const std::vector<bool> bridges = find_bridges(graph.size(), graph.edges());
  std::vector<std::vector<bool>> bound(graph.size());
  std::size_t edge = 0;
  for (NodeId id = 0; id < graph.size(); ++id) {
    for (std::size_t i = 0; i < graph[id].inputs.size(); ++i) bound[id].push_back(!bridges[edge++]);
  }
  return bound;
}

Solution solve(const Graph& graph, const SolveOptions& options) {
  Solution solution;
  solution.bound = bound_inputs(graph);
  for (NodeId id = 0; id < graph.size(); ++id) {
    const Node& node = graph[id];
    const Constraint constraint = node.constraint.value_or(options.constraint);
    solution.factors.push_back(node.fixed ? node.ideal
                                          : constrain(node.ideal, solution.bound[id], constraint));
  }
  solution.validity = check_gradients(graph, solution.factors);
  if (options.require_valid && solution.validity.conflict)
    fail("{}", solution.validity.conflict->text(graph));
  return solution;
}

}  // namespace filigree::scaling
