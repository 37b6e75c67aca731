#include "filigree/scaling/drawing.h"

#include <gtest/gtest.h>

#include "filigree/base/test_support.h"

namespace filigree::scaling {
namespace {

// x -> linear, and both added up.
Graph small(Constraint constraint) {
  Graph graph;
  const NodeId x = graph.input("x \"1\"");
  const NodeId y = graph.op("up", "linear", {x, graph.parameter("weight")}, {2, {8, 0.5}}, constraint);
  graph.set_output(graph.fixed_op("sum", "add", {x, y}, {1, {1, 1}}));
  return graph;
}

TEST(Describe, ListsFactorsAndConstants) {
  const Graph graph = small(Constraint::kGeometricMean);
  EXPECT_EQ(describe(graph, solve(graph)),
            "linear 'up': output 4; x \"1\" 4*, weight 0.5\n"
            "add 'sum': output 1; x \"1\" 1*, up 1*; fixed\n"
            "input 'x \"1\"': its gradient is 1 times the true one\n"
            "parameter 'weight': its gradient is 0.125 times the true one\n");
  const Graph wrong = small(Constraint::kNone);
  const std::string text = describe(wrong, solve(wrong, {.require_valid = false}));
  EXPECT_TRUE(filigree::test::contains(text, "do not fit together")) << text;
}

TEST(ToDot, DrawsNodesAndEdges) {
  const Graph graph = small(Constraint::kGeometricMean);
  EXPECT_EQ(to_dot(graph, solve(graph)),
            "digraph scaling {\n"
            "  n0 [label=\"x \\\"1\\\"\"];\n"
            "  n1 [label=\"weight\"];\n"
            "  n2 [label=\"up\\nlinear\\nα 4\", shape=box];\n"
            "  n0 -> n2 [label=\"4\", style=bold];\n"
            "  n1 -> n2 [label=\"0.5\"];\n"
            "  n3 [label=\"sum\\nadd\\nα 1\", shape=box, style=filled];\n"
            "  n0 -> n3 [label=\"1\", style=bold];\n"
            "  n2 -> n3 [label=\"1\", style=bold];\n"
            "}\n");
}

}  // namespace
}  // namespace filigree::scaling
