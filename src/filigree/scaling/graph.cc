#include "filigree/scaling/graph.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "filigree/base/error.h"
#include "filigree/base/nearest.h"

namespace filigree::scaling {
namespace {

void check_factor(const Node& node, double factor, const std::string& what) {
  if (!(factor > 0) || !std::isfinite(factor)) {
    fail("{}: the factor of {} is {}; factors are positive and finite", node.text(), what, factor);
  }
}

void check_leaf(const Node& node) {
  if (!node.inputs.empty() || !node.ideal.inputs.empty()) fail("{} is a leaf, but has inputs", node.text());
}

void check_op(const Node& node, std::size_t nodes) {
  if (node.inputs.empty()) {
    fail("{} has no differentiable input: it is a constant, which is left out of the graph", node.text());
  }
  if (node.inputs.size() != node.ideal.inputs.size()) {
    fail("{} has {} inputs and factors for {}", node.text(), node.inputs.size(), node.ideal.inputs.size());
  }
  check_factor(node, node.ideal.output, "its output");
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i] >= nodes) {
      fail("{}: its input {} is node {}, which is not in the graph of {} nodes", node.text(), i,
           node.inputs[i], nodes);
    }
    check_factor(node, node.ideal.inputs[i], fmt::format("its input {}", i));
  }
}

// Ops in `open` wait for each other: going back from one, over those that wait, comes around.
[[noreturn]] void fail_with_cycle(const std::vector<Node>& nodes, const std::vector<bool>& open) {
  const auto is_open = [&](NodeId id) { return open[id]; };
  const auto first = static_cast<NodeId>(std::ranges::find(open, true) - open.begin());
  std::vector<NodeId> path;
  std::vector<bool> seen(nodes.size());
  for (NodeId at = first; !seen[at]; at = *std::ranges::find_if(nodes[at].inputs, is_open)) {
    seen[at] = true;
    path.push_back(at);
  }
  const NodeId again = *std::ranges::find_if(nodes[path.back()].inputs, is_open);
  path.erase(path.begin(), std::ranges::find(path, again));
  path.push_back(again);
  std::ranges::reverse(path);
  constexpr std::size_t kMostNamed = 10;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(path.size(), kMostNamed); ++i) {
    names.push_back(fmt::format("'{}'", nodes[path[i]].name));
  }
  if (path.size() > kMostNamed) names.emplace_back("...");
  fail("the graph has a cycle: {}", fmt::join(names, " -> "));
}

}  // namespace

std::string Node::text() const {
  switch (type) {
    case NodeType::kInput: return fmt::format("input '{}'", name);
    case NodeType::kParameter: return fmt::format("parameter '{}'", name);
    case NodeType::kOp: break;
  }
  return fmt::format("{} '{}'", kind, name);
}

Graph::Graph(std::vector<Node> nodes, NodeId output) : nodes_(std::move(nodes)) {
  for (NodeId id = 0; id < nodes_.size(); ++id) {
    check(nodes_[id], nodes_.size());
    ids_.emplace(nodes_[id].name, id);
  }
  sort();
  set_output(output);
}

NodeId Graph::input(std::string name) { return add({.type = NodeType::kInput, .name = std::move(name)}); }

NodeId Graph::parameter(std::string name) {
  return add({.type = NodeType::kParameter, .name = std::move(name)});
}

NodeId Graph::op(std::string name, std::string kind, std::vector<NodeId> inputs, Factors ideal,
                 std::optional<Constraint> constraint) {
  return add({.name = std::move(name),
              .kind = std::move(kind),
              .inputs = std::move(inputs),
              .ideal = std::move(ideal),
              .constraint = constraint});
}

NodeId Graph::fixed_op(std::string name, std::string kind, std::vector<NodeId> inputs, Factors factors) {
  return add({.name = std::move(name),
              .kind = std::move(kind),
              .inputs = std::move(inputs),
              .ideal = std::move(factors),
              .fixed = true});
}

void Graph::set_output(NodeId loss) {
  if (loss >= size()) fail("the output is node {}, which is not in the graph of {} nodes", loss, size());
  if (output_) {
    fail("{} cannot be an output too: {} is; add them up in an op", nodes_[loss].text(),
         nodes_[*output_].text());
  }
  if (nodes_[loss].is_leaf()) fail("{} is a leaf and cannot be the output", nodes_[loss].text());
  output_ = loss;
}

NodeId Graph::output() const {
  if (!output_) fail("the graph has no output: set_output() says which op is the loss");
  return *output_;
}

NodeId Graph::find(std::string_view name) const {
  const auto found = ids_.find(std::string(name));
  if (found != ids_.end()) return found->second;
  std::vector<std::string> names;
  for (const Node& node : nodes_) names.push_back(node.name);
  fail("no node of the graph is named '{}'; the nearest is '{}'", name, nearest(name, names));
}

std::vector<Edge> Graph::edges() const {
  std::vector<Edge> edges;
  for (NodeId id = 0; id < size(); ++id) {
    for (const NodeId from : nodes_[id].inputs) edges.push_back({from, id});
  }
  return edges;
}

void Graph::validate() const {
  if (nodes_.empty()) fail("the graph is empty");
  std::vector<bool> reaches(size());
  reaches[output()] = true;
  // Each node before its inputs.
  for (std::size_t i = size(); i-- > 0;) {
    const NodeId id = order_[i];
    if (!reaches[id]) {
      fail("no path leads from {} to the output, {}: leave out what gets no gradient", nodes_[id].text(),
           nodes_[*output_].text());
    }
    for (const NodeId from : nodes_[id].inputs) reaches[from] = true;
  }
}

NodeId Graph::add(Node node) {
  const NodeId id = size();
  check(node, id);
  ids_.emplace(node.name, id);
  order_.push_back(id);
  nodes_.push_back(std::move(node));
  return id;
}

void Graph::check(const Node& node, std::size_t nodes) const {
  if (node.name.empty()) fail("a node of the graph has no name ({})", node.text());
  const auto same = ids_.find(node.name);
  if (same != ids_.end()) fail("{} and {} have one name", nodes_[same->second].text(), node.text());
  if (node.is_leaf()) {
    check_leaf(node);
  } else {
    check_op(node, nodes);
  }
}

void Graph::sort() {
  std::vector<std::vector<NodeId>> consumers(size());
  std::vector<std::size_t> waits_for(size());
  std::vector<bool> open(size(), true);
  for (NodeId id = 0; id < size(); ++id) {
    waits_for[id] = nodes_[id].inputs.size();
    if (waits_for[id] == 0) order_.push_back(id);
    for (const NodeId from : nodes_[id].inputs) consumers[from].push_back(id);
  }
  for (std::size_t i = 0; i < order_.size(); ++i) {
    open[order_[i]] = false;
    for (const NodeId to : consumers[order_[i]]) {
      if (--waits_for[to] == 0) order_.push_back(to);
    }
  }
  if (order_.size() < size()) fail_with_cycle(nodes_, open);
}

}  // namespace filigree::scaling
