// Graphs for tests of this module, and what they are held against: every path from a node to the output, one
// by one. Included by tests only.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "filigree/base/philox.h"
#include "filigree/scaling/factors.h"
#include "filigree/scaling/graph.h"

namespace filigree::scaling::test {

// Factors over three decades.
inline Factors random_factors(std::size_t inputs, Philox& random) {
  const auto draw = [&] { return std::pow(10.0, 3 * random.uniform() - 1.5); };
  Factors factors{.output = draw(), .inputs = {}};
  for (std::size_t i = 0; i < inputs; ++i) factors.inputs.push_back(draw());
  return factors;
}

// 1 to 12 ops. Most continue the last one or take a leaf of their own, as in a chain; the others branch off,
// come together, share leaves, or take one producer several times.
class RandomGraph {
 public:
  explicit RandomGraph(Philox& random) : random_(random) {
    const std::uint64_t ops = 1 + random_.below(12);
    const bool much_sharing = random_.below(2) == 0;
    for (std::uint64_t k = 0; k + 1 < ops; ++k) add_op(draw_inputs(much_sharing ? 3 : 8));
    // What nobody has used yet comes together in the end.
    std::vector<NodeId> inputs = draw_inputs(8);
    for (const NodeId id : ops_) {
      if (!used_[id]) inputs.push_back(id);
    }
    add_op(inputs);
    graph_.set_output(ops_.back());
  }

  Graph take() { return std::move(graph_); }

 private:
  NodeId new_leaf() {
    const std::string name = fmt::format("leaf.{}", graph_.size());
    const NodeId leaf = random_.below(2) == 0 ? graph_.input(name) : graph_.parameter(name);
    used_.resize(graph_.size());
    return leaf;
  }

  std::vector<NodeId> draw_inputs(std::uint64_t one_in) {
    std::vector<NodeId> inputs;
    const std::uint64_t count = 1 + random_.below(3);
    for (std::uint64_t i = 0; i < count; ++i) {
      if (i > 0 && random_.below(one_in) == 0) {
        inputs.push_back(inputs[random_.below(i)]);
      } else if (graph_.size() > 0 && random_.below(one_in) == 0) {
        inputs.push_back(random_.below(graph_.size()));
      } else if (!ops_.empty() && i == 0) {
        inputs.push_back(ops_.back());
      } else {
        inputs.push_back(new_leaf());
      }
      used_[inputs.back()] = true;
    }
    random_.shuffle(inputs);
    return inputs;
  }

  void add_op(const std::vector<NodeId>& inputs) {
    const Factors factors = random_factors(inputs.size(), random_);
    ops_.push_back(graph_.op(fmt::format("op.{}", graph_.size()), "mix", inputs, factors));
    used_.resize(graph_.size());
    for (const NodeId input : inputs) used_[input] = true;
  }

  Philox& random_;
  Graph graph_;
  std::vector<NodeId> ops_;
  std::vector<bool> used_;
};

inline Graph random_graph(Philox& random) { return RandomGraph(random).take(); }

// An op's input, as a step of a path.
struct Step {
  NodeId op;
  std::size_t input;
};

class Paths {
 public:
  explicit Paths(const Graph& graph) : output_(graph.output()), uses_(graph.size()) {
    for (NodeId id = 0; id < graph.size(); ++id) {
      for (std::size_t i = 0; i < graph[id].inputs.size(); ++i) uses_[graph[id].inputs[i]].push_back({id, i});
    }
  }

  // visit(path) for each path from the node to the output.
  void for_each(NodeId from, const std::function<void(const std::vector<Step>&)>& visit) const {
    std::vector<Step> path;
    extend(from, path, visit);
  }

 private:
  void extend(NodeId from, std::vector<Step>& path,
              const std::function<void(const std::vector<Step>&)>& visit) const {
    if (from == output_) visit(path);
    for (const Step& use : uses_[from]) {
      path.push_back(use);
      extend(use.op, path, visit);
      path.pop_back();
    }
  }

  NodeId output_;
  std::vector<std::vector<Step>> uses_;
};

}  // namespace filigree::scaling::test
