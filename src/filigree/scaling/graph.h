// The graph of a model's ops as their gradients flow: what the constraint on the factors of scaled ops (Unit
// Scaling, arXiv 2303.11257, section 5) is solved on.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "filigree/scaling/bridges.h"
#include "filigree/scaling/factors.h"

namespace filigree::scaling {

// The number of a node in its graph, in the order in which nodes were added.
using NodeId = std::size_t;

enum class NodeType {
  kInput,      // a leaf: what a differentiable input of the model gives
  kParameter,  // a leaf: a weight, a bias; one node however often it is used
  kOp,
};

struct Node {
  NodeType type = NodeType::kOp;
  // Of its own in the graph: "layer.0.ffn.up". Of a parameter, the name that checkpoints have.
  std::string name = {};
  // Which op: "linear". Of leaves empty.
  std::string kind = {};
  // The producers of an op's differentiable inputs, in its order. One may occur twice.
  std::vector<NodeId> inputs = {};
  // Of ops; as many inputs as above.
  Factors ideal = {};
  // Instead of the one that is given for the whole graph.
  std::optional<Constraint> constraint = {};
  // The ideal factors are to be kept as they are, whatever the graph demands.
  bool fixed = false;

  bool is_leaf() const { return type != NodeType::kOp; }
  // For messages: "linear 'layer.0.ffn.up'", "parameter 'layer.0.ffn.up.weight'".
  std::string text() const;
};

// Directed and without cycles, from leaves to one output. Where no gradient flows there is no node and no
// edge: token ids, masks and other constants are left out, and so is the input of an op that takes them.
// There is one output, the loss. Losses that are added up are the inputs of an op of their own, whose factors
// then matter too; so a second output is an error.
class Graph {
 public:
  Graph() = default;
  // From a list in any order, in which `inputs` and `output` are places: what a file or a trace gives.
  // Errors: those of op() and set_output(); a cycle; all name the nodes.
  Graph(std::vector<Node> nodes, NodeId output);

  // As a model's constructor goes along. Errors: the name is empty or taken.
  NodeId input(std::string name);
  NodeId parameter(std::string name);
  // Errors: as above; no inputs; an input that is not in the graph; more or fewer factors than inputs; a
  // factor that is not positive and finite.
  NodeId op(std::string name, std::string kind, std::vector<NodeId> inputs, Factors ideal,
            std::optional<Constraint> constraint = std::nullopt);
  // An op whose factors the solver leaves alone, such as the two ends of a residual branch of weight w, which
  // is applied forward at its end and backward at its beginning: {1, {w}} at the beginning, {w, {1}} at the
  // end.
  NodeId fixed_op(std::string name, std::string kind, std::vector<NodeId> inputs, Factors factors);
  // Errors: there is one already; not an op of the graph.
  void set_output(NodeId loss);

  // Errors: an empty graph; no output; a node from which no path leads to the output, be it an unused
  // parameter or an op behind the output: it gets no gradient, and has no place here.
  void validate() const;

  std::size_t size() const { return nodes_.size(); }
  const std::vector<Node>& nodes() const { return nodes_; }
  const Node& operator[](NodeId node) const { return nodes_[node]; }
  // Errors: no such name; the message says the nearest.
  NodeId find(std::string_view name) const;
  // Errors: none has been set.
  NodeId output() const;
  // All nodes, each after its inputs.
  std::span<const NodeId> order() const { return order_; }
  // From producer to op, node by node and input by input.
  std::vector<Edge> edges() const;

 private:
  NodeId add(Node node);
  // Errors of a node on its own; its inputs must be below `nodes`.
  void check(const Node& node, std::size_t nodes) const;
  void sort();

  std::vector<Node> nodes_;
  std::vector<NodeId> order_;
  std::optional<NodeId> output_;
  std::unordered_map<std::string, NodeId> ids_;
};

}  // namespace filigree::scaling
