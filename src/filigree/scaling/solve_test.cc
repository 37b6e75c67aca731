#include "filigree/scaling/solve.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "filigree/base/test_support.h"

namespace filigree::scaling {
namespace {

using filigree::test::contains;
using Bound = std::vector<bool>;

const Factors kLinear{.output = 0.5, .inputs = {0.25, 0.125}};
const Factors kGelu{.output = 1.7, .inputs = {1.5}};
const Factors kAdd{.output = std::sqrt(0.5), .inputs = {1, 1}};
const Factors kLoss{.output = 1, .inputs = {8}};

NodeId linear(Graph& graph, const std::string& name, NodeId x) {
  return graph.op(name, "linear", {x, graph.parameter(name + ".weight")}, kLinear);
}

// Of each input of the op of this name.
Bound bound(const Graph& graph, std::string_view name) { return bound_inputs(graph)[graph.find(name)]; }

TEST(Solve, LeavesAChainItsIdealFactors) {
  Graph graph;
  const NodeId up = linear(graph, "up", graph.input("x"));
  const NodeId down = linear(graph, "down", graph.op("gelu", "gelu", {up}, kGelu));
  graph.set_output(graph.op("loss", "mse", {down}, kLoss));
  for (const ConstraintName& entry : constraint_names()) {
    const Solution solution = solve(graph, {.constraint = entry.constraint});
    for (NodeId id = 0; id < graph.size(); ++id)
      EXPECT_EQ(solution.factors[id], graph[id].ideal) << entry.name;
    // The loss's β / α times that of down's weight, and of down's input.
    EXPECT_NEAR(solution.gradient_constant(graph.find("down.weight")), 8 * 0.25, 1e-12);
    EXPECT_NEAR(solution.gradient_constant(graph.find("gelu")), 8 * 0.5, 1e-12);
    EXPECT_NEAR(solution.gradient_constant(graph.output()), 1, 1e-12);
  }
}

Graph residual_block(std::optional<Constraint> of_gelu = std::nullopt) {
  Graph graph;
  const NodeId x = linear(graph, "embed", graph.input("x"));
  const NodeId up = linear(graph, "up", x);
  const NodeId down = linear(graph, "down", graph.op("gelu", "gelu", {up}, kGelu, of_gelu));
  const NodeId sum = graph.op("sum", "add", {x, down}, kAdd);
  graph.set_output(graph.op("loss", "mse", {linear(graph, "head", sum)}, kLoss));
  return graph;
}

TEST(Solve, BindsWhatIsInsideAResidual) {
  const Graph graph = residual_block();
  EXPECT_EQ(bound(graph, "embed"), (Bound{false, false}));
  EXPECT_EQ(bound(graph, "up"), (Bound{true, false}));
  EXPECT_EQ(bound(graph, "gelu"), Bound{true});
  EXPECT_EQ(bound(graph, "down"), (Bound{true, false}));
  EXPECT_EQ(bound(graph, "sum"), (Bound{true, true}));
  EXPECT_EQ(bound(graph, "head"), (Bound{false, false}));
  EXPECT_EQ(bound(graph, "loss"), Bound{false});
  const Solution solution = solve(graph, {.constraint = Constraint::kOutput});
  EXPECT_EQ(solution.factors[graph.find("up")], (Factors{.output = 0.5, .inputs = {0.5, 0.125}}));
  EXPECT_EQ(solution.factors[graph.find("gelu")], (Factors{.output = 1.7, .inputs = {1.7}}));
  EXPECT_EQ(solution.factors[graph.find("head")], kLinear);
}

TEST(Solve, TakesAnOpsOwnConstraint) {
  const Graph graph = residual_block(Constraint::kGradient);
  const Solution solution = solve(graph, {.constraint = Constraint::kOutput});
  EXPECT_EQ(solution.factors[graph.find("gelu")], (Factors{.output = 1.5, .inputs = {1.5}}));
  EXPECT_EQ(solution.factors[graph.find("up")].output, 0.5);
}

TEST(Solve, RefusesToLeaveOutAConstraintUnlessAsked) {
  const Graph graph = residual_block(Constraint::kNone);
  const std::string message = filigree::test::error_of(ExitCode::kFailed, [&] { (void)solve(graph); });
  EXPECT_TRUE(contains(message, "linear 'embed'") && contains(message, "add 'sum'")) << message;
  const Solution solution = solve(graph, {.constraint = Constraint::kOutput, .require_valid = false});
  ASSERT_TRUE(solution.validity.conflict);
  EXPECT_EQ(solution.validity.conflict->node, graph.find("embed"));
  EXPECT_EQ(solution.factors[graph.find("gelu")], kGelu);
  EXPECT_THROW((void)solution.gradient_constant(0), Error);
}

// An embedding's table, and a decoder whose weight is the table or one of its own.
Graph language_model(bool tied) {
  Graph graph;
  const NodeId table = graph.parameter("embedding.weight");
  const NodeId x = graph.op("embedding", "embedding", {table}, {1, {2}});
  const NodeId hidden = linear(graph, "hidden", x);
  const NodeId weight = tied ? table : graph.parameter("decoder.weight");
  const NodeId logits = graph.op("decoder", "linear", {hidden, weight, graph.parameter("decoder.bias")},
                                 {0.5, {0.25, 0.125, 0.125}});
  graph.set_output(graph.op("loss", "cross_entropy", {logits}, kLoss));
  return graph;
}

TEST(Solve, BindsTiedWeights) {
  const Graph tied = language_model(true);
  EXPECT_EQ(bound(tied, "embedding"), Bound{true});
  EXPECT_EQ(bound(tied, "hidden"), (Bound{true, false}));
  EXPECT_EQ(bound(tied, "decoder"), (Bound{true, true, false}));
  EXPECT_EQ(bound(tied, "loss"), Bound{false});
  const Graph untied = language_model(false);
  EXPECT_EQ(bound(untied, "embedding"), Bound{false});
  EXPECT_EQ(bound(untied, "hidden"), (Bound{false, false}));
  EXPECT_EQ(bound(untied, "decoder"), (Bound{false, false, false}));
}

TEST(Solve, BindsQueriesKeysAndValuesOfOneInput) {
  Graph graph;
  const NodeId x = graph.input("x");
  const NodeId q = linear(graph, "q", x);
  const NodeId k = linear(graph, "k", x);
  const NodeId v = linear(graph, "v", x);
  const NodeId mixed = graph.op("attention", "attention", {q, k, v}, {3, {1, 1, 2}});
  graph.set_output(graph.op("loss", "mse", {linear(graph, "out", mixed)}, kLoss));
  for (const char* name : {"q", "k", "v"}) EXPECT_EQ(bound(graph, name), (Bound{true, false})) << name;
  EXPECT_EQ(bound(graph, "attention"), (Bound{true, true, true}));
  EXPECT_EQ(bound(graph, "out"), (Bound{false, false}));
  EXPECT_NEAR(solve(graph).factors[graph.find("attention")].output, std::pow(6, 0.25), 1e-12);
}

TEST(Solve, BindsAnInputThatIsUsedTwiceInOneOp) {
  Graph graph;
  const NodeId x = graph.input("x");
  graph.set_output(graph.op("double", "add", {x, x}, kAdd));
  EXPECT_EQ(bound(graph, "double"), (Bound{true, true}));
  EXPECT_NO_THROW((void)solve(graph));
}

// y = x·√(1 - τ) + f(x)·√τ, the branch's weight delayed: at its end forward, at its beginning backward.
Graph delayed_residual(double forward, double backward) {
  Graph graph;
  const NodeId x = linear(graph, "embed", graph.input("x"));
  const NodeId begin = graph.fixed_op("branch.begin", "scale", {x}, {1, {backward}});
  const NodeId gelu = graph.op("gelu", "gelu", {linear(graph, "up", begin)}, kGelu);
  const NodeId end = graph.fixed_op("branch.end", "scale", {gelu}, {forward, {1}});
  const double rest = std::sqrt(1 - forward * forward);
  const NodeId skip = graph.fixed_op("skip", "scale", {x}, {rest, {rest}});
  graph.set_output(graph.op("sum", "add", {skip, end}, {1, {1, 1}}));
  return graph;
}

TEST(Solve, AcceptsAResidualWithDelayedWeight) {
  const Graph graph = delayed_residual(0.3, 0.3);
  const Solution solution = solve(graph);
  EXPECT_EQ(solution.factors[graph.find("branch.begin")], (Factors{.output = 1, .inputs = {0.3}}));
  EXPECT_EQ(solution.factors[graph.find("branch.end")], (Factors{.output = 0.3, .inputs = {1}}));
  // In between, gradients are larger than true ones: that is what the delay is for.
  EXPECT_NEAR(solution.gradient_constant(graph.find("gelu")), 1 / 0.3, 1e-12);
  EXPECT_NEAR(solution.gradient_constant(graph.find("embed")), 1, 1e-12);
  EXPECT_NEAR(solution.gradient_constant(graph.find("up.weight")), 0.125 / std::sqrt(0.125) / 0.3, 1e-12);
}

TEST(Solve, RefusesADelayedWeightThatDoesNotCancelOut) {
  const auto refuse = [] { (void)solve(delayed_residual(0.3, 0.6)); };
  const std::string message = filigree::test::error_of(ExitCode::kFailed, refuse);
  for (const char* part : {"linear 'embed'", "scale 'branch.begin'", "scale 'skip'"}) {
    EXPECT_TRUE(contains(message, part)) << message;
  }
}

// One op after the other, each of which takes the last one `times` times.
Graph chain(int ops, std::size_t times) {
  Graph graph;
  NodeId x = graph.input("x");
  for (int i = 0; i < ops; ++i) {
    x = graph.op(fmt::format("op.{}", i), "op", std::vector<NodeId>(times, x),
                 {1.5, std::vector<double>(times, 2)});
  }
  graph.set_output(x);
  return graph;
}

// No recursion could follow them.
TEST(Solve, FollowsDeepGraphs) {
  const Solution free = solve(chain(1000000, 1));
  EXPECT_EQ(free.bound[500000], Bound{false});
  EXPECT_NEAR(free.validity.log_constants[0], 1e6 * std::log(2 / 1.5), 1e-3);
  EXPECT_EQ(free.gradient_constant(0), HUGE_VAL);
  const Solution bound = solve(chain(100000, 2));
  EXPECT_EQ(bound.bound[50000], (Bound{true, true}));
  EXPECT_EQ(bound.gradient_constant(0), 1);
}

}  // namespace
}  // namespace filigree::scaling
