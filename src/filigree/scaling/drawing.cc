#include "filigree/scaling/drawing.h"

#include <fmt/format.h>

#include <iterator>

namespace filigree::scaling {
namespace {

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::string op_line(const Graph& graph, NodeId id, const Solution& solution) {
  const Node& node = graph[id];
  std::string line = fmt::format("{}: output {:.6g}; ", node.text(), solution.factors[id].output);
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    fmt::format_to(std::back_inserter(line), "{}{} {:.6g}{}", i == 0 ? "" : ", ", graph[node.inputs[i]].name,
                   solution.factors[id].inputs[i], solution.bound[id][i] ? "*" : "");
  }
  return line + (node.fixed ? "; fixed\n" : "\n");
}

std::string dot_node(NodeId id, const Node& node, const Solution& solution) {
  const std::string name = escaped(node.name);
  if (node.is_leaf()) return fmt::format("  n{} [label=\"{}\"];\n", id, name);
  return fmt::format("  n{} [label=\"{}\\n{}\\nα {:.4g}\", shape=box{}];\n", id, name, escaped(node.kind),
                     solution.factors[id].output, node.fixed ? ", style=filled" : "");
}

}  // namespace

std::string describe(const Graph& graph, const Solution& solution) {
  std::string text;
  for (const NodeId id : graph.order()) {
    if (!graph[id].is_leaf()) text += op_line(graph, id, solution);
  }
  if (solution.validity.conflict) return text + solution.validity.conflict->text(graph) + "\n";
  for (const NodeId id : graph.order()) {
    if (!graph[id].is_leaf()) continue;
    fmt::format_to(std::back_inserter(text), "{}: its gradient is {:.6g} times the true one\n",
                   graph[id].text(), solution.gradient_constant(id));
  }
  return text;
}

std::string to_dot(const Graph& graph, const Solution& solution) {
  std::string text = "digraph scaling {\n";
  for (const NodeId id : graph.order()) {
    const Node& node = graph[id];
    text += dot_node(id, node, solution);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      fmt::format_to(std::back_inserter(text), "  n{} -> n{} [label=\"{:.4g}\"{}];\n", node.inputs[i], id,
                     solution.factors[id].inputs[i], solution.bound[id][i] ? ", style=bold" : "");
    }
  }
  return text + "}\n";
}

}  // namespace filigree::scaling
