#include "filigree/scaling/validity.h"

#include <fmt/format.h>

#include <cmath>

#include "filigree/base/error.h"

namespace filigree::scaling {
namespace {

constexpr double kTolerance = 1e-9;

void check_sizes(const Graph& graph, std::span<const Factors> factors) {
  if (factors.size() != graph.size()) fail("{} nodes, factors of {}", graph.size(), factors.size());
  for (NodeId id = 0; id < graph.size(); ++id) {
    const Node& node = graph[id];
    if (!node.is_leaf() && factors[id].inputs.size() != node.inputs.size()) {
      fail("{} has {} inputs and factors for {}", node.text(), node.inputs.size(), factors[id].inputs.size());
    }
  }
}

}  // namespace

std::string Conflict::text(const Graph& graph) const {
  return fmt::format(
      "gradients of {} do not fit together: by way of input {} of {} they are {:.6g} times what they should "
      "be "
      "beside those by way of input {} of {}; constrain these ops, or let fixed factors cancel out",
      graph[node].text(), second.input, graph[second.op].text(), excess, first.input, graph[first.op].text());
}

Validity check_gradients(const Graph& graph, std::span<const Factors> factors) {
  graph.validate();
  check_sizes(graph, factors);
  std::vector<double> logs(graph.size());
  std::vector<std::optional<Conflict::Use>> first_uses(graph.size());
  // Each op before its inputs: its own logarithm is known when it is reached.
  for (std::size_t k = graph.size(); k-- > 0;) {
    const NodeId op = graph.order()[k];
    const std::vector<NodeId>& inputs = graph[op].inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const NodeId from = inputs[i];
      const double here = logs[op] + std::log(factors[op].inputs[i] / factors[op].output);
      if (!first_uses[from]) {
        first_uses[from] = {op, i};
        logs[from] = here;
      } else if (!(std::abs(here - logs[from]) <= kTolerance)) {
        return {.conflict = Conflict{from, *first_uses[from], {op, i}, std::exp(here - logs[from])},
                .log_constants = {}};
      }
    }
  }
  return {.conflict = {}, .log_constants = std::move(logs)};
}

}  // namespace filigree::scaling
