#include "filigree/scaling/graph.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>

#include "filigree/base/test_support.h"

namespace filigree::scaling {
namespace {

using filigree::test::contains;

Factors ones(std::size_t inputs) { return {.output = 1, .inputs = std::vector<double>(inputs, 1)}; }

std::string error(const std::function<void()>& body) {
  return filigree::test::error_of(ExitCode::kFailed, body);
}

// x -> linear -> loss
Graph small() {
  Graph graph;
  const NodeId x = graph.input("x");
  const NodeId weight = graph.parameter("linear.weight");
  const NodeId y = graph.op("linear", "linear", {x, weight}, ones(2));
  graph.set_output(graph.op("loss", "mse", {y}, ones(1)));
  return graph;
}

TEST(Graph, HoldsWhatItWasGiven) {
  const Graph graph = small();
  graph.validate();
  EXPECT_EQ(graph.size(), 4);
  EXPECT_EQ(graph.output(), 3);
  EXPECT_EQ(graph.find("linear"), 2);
  EXPECT_EQ(graph[2].inputs, (std::vector<NodeId>{0, 1}));
  EXPECT_EQ(graph[1].text(), "parameter 'linear.weight'");
  EXPECT_EQ(graph[3].text(), "mse 'loss'");
  const std::vector<Edge> edges = graph.edges();
  ASSERT_EQ(edges.size(), 3);
  EXPECT_EQ(edges[1].from, 1);
  EXPECT_EQ(edges[1].to, 2);
  const std::string missing = error([&] { (void)graph.find("linaer"); });
  EXPECT_TRUE(contains(missing, "'linaer'") && contains(missing, "'linear'")) << missing;
}

TEST(Graph, RefusesMalformedOps) {
  Graph graph = small();
  const auto refused = [&](std::vector<NodeId> inputs, Factors factors, std::string_view part) {
    const std::string message = error([&] { graph.op("new", "add", inputs, factors); });
    EXPECT_TRUE(contains(message, "add 'new'") && contains(message, part)) << message;
    EXPECT_EQ(graph.size(), 4);
  };
  refused({}, ones(0), "no differentiable input");
  refused({0, 1}, ones(1), "2 inputs and factors for 1");
  refused({0}, ones(2), "1 inputs and factors for 2");
  refused({0, 4}, ones(2), "input 1 is node 4");
  refused({0}, {.output = 0, .inputs = {1}}, "the factor of its output is 0");
  refused({0, 1}, {.output = 1, .inputs = {1, -2}}, "the factor of its input 1 is -2");
  refused({0}, {.output = 1, .inputs = {std::nan("")}}, "nan");
  refused({0}, {.output = HUGE_VAL, .inputs = {1}}, "inf");
}

TEST(Graph, RefusesNamesThatAreNotNodesOwn) {
  Graph graph = small();
  const std::string message = error([&] { graph.parameter("linear"); });
  EXPECT_TRUE(contains(message, "linear 'linear'") && contains(message, "parameter 'linear'")) << message;
  error([&] { graph.input(""); });
  error([&] { graph.op("loss", "add", {0}, ones(1)); });
}

TEST(Graph, HasOneOutput) {
  Graph graph = small();
  const NodeId second = graph.op("loss.2", "mse", {2}, ones(1));
  const std::string message = error([&] { graph.set_output(second); });
  EXPECT_TRUE(contains(message, "'loss'") && contains(message, "'loss.2'")) << message;
  EXPECT_TRUE(contains(error([] { Graph().validate(); }), "empty"));
  Graph none;
  const NodeId x = none.input("x");
  EXPECT_TRUE(contains(error([&] { none.validate(); }), "no output"));
  EXPECT_TRUE(contains(error([&] { none.set_output(x); }), "'x'"));
  EXPECT_TRUE(contains(error([&] { none.set_output(7); }), "node 7"));
}

TEST(Graph, RefusesWhatGetsNoGradient) {
  Graph unused = small();
  unused.parameter("unused");
  EXPECT_TRUE(contains(error([&] { unused.validate(); }), "'unused'"));
  Graph behind = small();
  behind.op("behind", "scale", {3}, ones(1));
  EXPECT_TRUE(contains(error([&] { behind.validate(); }), "'behind'"));
}

Node op(std::string name, std::vector<NodeId> inputs) {
  const Factors factors = ones(inputs.size());
  return {.name = std::move(name), .kind = "op", .inputs = std::move(inputs), .ideal = factors};
}

Node leaf(std::string name) { return {.type = NodeType::kInput, .name = std::move(name)}; }

TEST(GraphFromAList, IsSorted) {
  Graph graph({op("c", {2, 1}), leaf("x"), op("b", {3, 3}), op("a", {1})}, 0);
  graph.validate();
  EXPECT_EQ(graph.output(), 0);
  EXPECT_EQ(std::vector<NodeId>(graph.order().begin(), graph.order().end()),
            (std::vector<NodeId>{1, 3, 2, 0}));
  // And may be built on.
  EXPECT_EQ(graph.op("d", "op", {0}, ones(1)), 4);
}

TEST(GraphFromAList, RefusesCyclesAndNamesThem) {
  const auto message_of = [](std::vector<Node> nodes) { return error([&] { Graph(std::move(nodes), 0); }); };
  // d, c and out only wait for the cycle.
  const std::string message = message_of({op("out", {5}), leaf("x"), op("a", {1, 4}), op("b", {2}),
                                          op("e", {3}), op("c", {4, 6}), op("d", {3, 1})});
  EXPECT_EQ(message, "the graph has a cycle: 'e' -> 'a' -> 'b' -> 'e'");
  EXPECT_EQ(message_of({op("self", {0})}), "the graph has a cycle: 'self' -> 'self'");
  std::vector<Node> ring;
  for (NodeId id = 0; id < 100; ++id) ring.push_back(op(fmt::format("n{}", id), {(id + 1) % 100}));
  EXPECT_TRUE(contains(message_of(ring), "-> ...")) << message_of(ring);
}

TEST(GraphFromAList, RefusesMalformedNodes) {
  const auto message_of = [](std::vector<Node> nodes, NodeId output) {
    return error([&] { Graph(std::move(nodes), output); });
  };
  EXPECT_TRUE(contains(message_of({op("a", {1}), leaf("x")}, 2), "node 2"));
  EXPECT_TRUE(contains(message_of({op("a", {1, 2}), leaf("x")}, 0), "op 'a': its input 1 is node 2"));
  EXPECT_TRUE(contains(message_of({op("a", {1}), leaf("a")}, 0), "one name"));
  Node wrong = leaf("x");
  wrong.inputs = {0};
  EXPECT_TRUE(contains(message_of({op("a", {1}), wrong}, 0), "input 'x' is a leaf"));
  EXPECT_TRUE(contains(message_of({}, 0), "node 0"));
}

}  // namespace
}  // namespace filigree::scaling
