#include "filigree/scaling/validity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "filigree/base/test_support.h"
#include "filigree/scaling/test_graphs.h"

namespace filigree::scaling {
namespace {

using filigree::test::contains;

struct Range {
  double low = HUGE_VAL;
  double high = -HUGE_VAL;
  bool single() const { return high / low - 1 < 1e-9; }
};

// Over all paths from the node, the product of β / α.
Range ratios(const Graph& graph, const test::Paths& paths, const std::vector<Factors>& factors, NodeId node) {
  Range range;
  paths.for_each(node, [&](const std::vector<test::Step>& path) {
    double ratio = 1;
    for (const test::Step& step : path) {
      ratio *= factors[step.op].inputs[step.input] / factors[step.op].output;
    }
    range = {std::min(range.low, ratio), std::max(range.high, ratio)};
  });
  EXPECT_GT(range.low, 0) << graph[node].text();
  return range;
}

// Factors of 1 and 2, so that paths agree by chance often enough.
std::vector<Factors> coarse_factors(const Graph& graph, Philox& random) {
  std::vector<Factors> factors;
  const std::uint64_t one_in = 1 + random.below(12);
  const auto draw = [&] { return random.below(one_in) == 0 ? 2.0 : 1.0; };
  for (const Node& node : graph.nodes()) {
    factors.push_back({.output = draw(), .inputs = {}});
    for (std::size_t i = 0; i < node.inputs.size(); ++i) factors.back().inputs.push_back(draw());
  }
  return factors;
}

TEST(CheckGradients, SaysWhatAllPathsSay) {
  Philox random(2, Purpose::kTest);
  int right = 0;
  constexpr int kGraphs = 10000;
  for (int g = 0; g < kGraphs; ++g) {
    const Graph graph = test::random_graph(random);
    const std::vector<Factors> factors = coarse_factors(graph, random);
    const Validity validity = check_gradients(graph, factors);
    const test::Paths paths(graph);
    bool every = true;
    for (NodeId id = 0; id < graph.size(); ++id) {
      const Range range = ratios(graph, paths, factors, id);
      if (graph[id].is_leaf()) every = every && range.single();
      if (validity.conflict) continue;
      ASSERT_NEAR(std::exp(validity.log_constants[id]) / range.low, 1, 1e-9) << "graph " << g;
    }
    ASSERT_EQ(!validity.conflict, every) << "graph " << g;
    if (validity.conflict) {
      ASSERT_FALSE(ratios(graph, paths, factors, validity.conflict->node).single()) << "graph " << g;
    }
    right += every;
  }
  EXPECT_GT(right, kGraphs / 5);
  EXPECT_LT(right, kGraphs * 4 / 5);
}

TEST(CheckGradients, NamesTheNodeAndTheTwoOps) {
  Graph graph;
  const NodeId x = graph.input("x");
  const NodeId left = graph.op("left", "gelu", {x}, {1, {1}});
  const NodeId right = graph.op("right", "tanh", {x}, {1, {4}});
  graph.set_output(graph.op("sum", "add", {left, right}, {1, {1, 1}}));
  std::vector<Factors> factors;
  for (const Node& node : graph.nodes()) factors.push_back(node.ideal);
  const Validity validity = check_gradients(graph, factors);
  ASSERT_TRUE(validity.conflict);
  EXPECT_EQ(validity.conflict->node, x);
  const std::string text = validity.conflict->text(graph);
  for (const char* part : {"input 'x'", "gelu 'left'", "tanh 'right'"})
    EXPECT_TRUE(contains(text, part)) << text;
  EXPECT_TRUE(contains(text, "0.25 times")) << text;
  factors[right].inputs[0] = 1 + 1e-10;
  EXPECT_FALSE(check_gradients(graph, factors).conflict);
  factors[right].inputs[0] = 1 + 1e-8;
  EXPECT_TRUE(check_gradients(graph, factors).conflict);
  factors[right].inputs[0] = std::nan("");
  EXPECT_TRUE(check_gradients(graph, factors).conflict);
  factors[right].inputs.clear();
  EXPECT_THROW((void)check_gradients(graph, factors), Error);
  factors.pop_back();
  EXPECT_THROW((void)check_gradients(graph, factors), Error);
}

}  // namespace
}  // namespace filigree::scaling
