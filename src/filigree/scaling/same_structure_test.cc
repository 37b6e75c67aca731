#include "filigree/scaling/same_structure.h"

#include <gtest/gtest.h>

#include <string>

#include "filigree/base/error.h"
#include "filigree/scaling/test_graphs.h"

namespace filigree::scaling {
namespace {

Factors ones(std::size_t inputs) { return {.output = 1, .inputs = std::vector<double>(inputs, 1)}; }

std::string difference(const Graph& a, const Graph& b) {
  std::string text;
  const bool same = same_structure(a, b, &text);
  EXPECT_EQ(same, text.empty());
  EXPECT_EQ(same_structure(a, b), same);
  return text;
}

// Nodes in another order; inputs and ops with other names.
Graph shuffled(const Graph& graph, Philox& random) {
  std::vector<NodeId> places(graph.size());
  for (NodeId id = 0; id < graph.size(); ++id) places[id] = id;
  random.shuffle(places);
  std::vector<Node> nodes(graph.size());
  for (NodeId id = 0; id < graph.size(); ++id) {
    Node& node = nodes[places[id]];
    node = graph[id];
    if (node.type != NodeType::kParameter) node.name = fmt::format("traced.{}", id);
    for (NodeId& input : node.inputs) input = places[input];
  }
  return {std::move(nodes), places[graph.output()]};
}

TEST(SameStructure, IgnoresOrderAndNames) {
  Philox random(8, Purpose::kTest);
  for (int g = 0; g < 1000; ++g) {
    const Graph graph = test::random_graph(random);
    const Graph other = shuffled(graph, random);
    ASSERT_EQ(difference(graph, other), "") << "graph " << g;
    ASSERT_EQ(difference(other, graph), "") << "graph " << g;
  }
}

// One input of one op becomes another node, while no node falls out of use: the old one is used elsewhere,
// where the two graphs go on sharing it, and here they no longer do.
TEST(SameStructure, SeesEachEdge) {
  Philox random(9, Purpose::kTest);
  int changed = 0;
  for (int g = 0; g < 3000; ++g) {
    const Graph graph = test::random_graph(random);
    std::vector<Node> nodes = graph.nodes();
    const NodeId op = random.below(graph.size());
    if (nodes[op].is_leaf()) continue;
    NodeId& input = nodes[op].inputs[random.below(nodes[op].inputs.size())];
    const NodeId other = random.below(op);
    if (other == input) continue;
    input = other;
    const Graph rewired(std::move(nodes), graph.output());
    try {
      rewired.validate();
    } catch (const Error&) {
      continue;
    }
    ASSERT_NE(difference(graph, shuffled(rewired, random)), "") << "graph " << g;
    ++changed;
  }
  EXPECT_GT(changed, 200);
}

// loss(linear(x, first), linear(x, second))
Graph two_linears(const std::string& kind, const std::string& first, const std::string& second,
                  bool one_x = true) {
  Graph graph;
  const NodeId x = graph.input("x");
  const NodeId other = one_x ? x : graph.input("y");
  const NodeId weight = graph.parameter(first);
  const NodeId left = graph.op("left", "linear", {x, weight}, ones(2));
  const NodeId right =
      graph.op("right", kind, {other, first == second ? weight : graph.parameter(second)}, ones(2));
  graph.set_output(graph.op("loss", "loss", {left, right}, ones(2)));
  return graph;
}

TEST(SameStructure, SaysTheFirstDifference) {
  const Graph graph = two_linears("linear", "a", "b");
  EXPECT_EQ(
      difference(graph, two_linears("matmul", "a", "b")),
      "input 1 of loss 'loss' is linear 'right' of 2 inputs in one graph, matmul 'right' of 2 inputs in the "
      "other");
  EXPECT_EQ(difference(graph, two_linears("linear", "a", "c")),
            "input 1 of linear 'right' is parameter 'b' in one graph, parameter 'c' in the other");
  EXPECT_EQ(difference(graph, two_linears("linear", "a", "a")),
            "input 1 of linear 'right' is parameter 'b' in one graph, parameter 'a' in the other, but "
            "parameter 'a' "
            "was in the place of parameter 'a' before");
  EXPECT_EQ(
      difference(graph, two_linears("linear", "a", "b", false)),
      "input 0 of linear 'right' is input 'x' in one graph, input 'y' in the other, but input 'x' was in the "
      "place of input 'x' before");
  Graph other;
  other.set_output(other.op("loss", "loss", {other.input("x")}, ones(1)));
  EXPECT_EQ(difference(graph, other),
            "the output is loss 'loss' of 2 inputs in one graph, loss 'loss' of 1 inputs in the other");
}

}  // namespace
}  // namespace filigree::scaling
