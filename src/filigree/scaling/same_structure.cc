#include "filigree/scaling/same_structure.h"

#include <fmt/format.h>

#include <optional>
#include <vector>

namespace filigree::scaling {
namespace {

// Nodes that were met at the same place, and where: as an input of ops that were, or as outputs.
struct Pair {
  struct Place {
    NodeId op;
    std::size_t input;
  };
  NodeId a;
  NodeId b;
  std::optional<Place> place;
};

class Walk {
 public:
  Walk(const Graph& a, const Graph& b) : a_(a), b_(b), of_a_(a.size()), of_b_(b.size()) {}

  // Where the graphs first differ; empty if nowhere.
  std::string run() {
    std::vector<Pair> pairs{{a_.output(), b_.output(), {}}};
    for (std::size_t next = 0; next < pairs.size(); ++next) {
      const Pair pair = pairs[next];
      if (of_a_[pair.a] || of_b_[pair.b]) {
        if (of_a_[pair.a] != pair.b) return sharing_difference(pair);
        continue;
      }
      of_a_[pair.a] = pair.b;
      of_b_[pair.b] = pair.a;
      const Node& node = a_[pair.a];
      if (!alike(node, b_[pair.b])) return difference(pair, "");
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        pairs.push_back({node.inputs[i], b_[pair.b].inputs[i], Pair::Place{pair.a, i}});
      }
    }
    return {};
  }

 private:
  static bool alike(const Node& a, const Node& b) {
    return a.type == b.type && a.kind == b.kind && a.inputs.size() == b.inputs.size() &&
           (a.type != NodeType::kParameter || a.name == b.name);
  }

  static std::string text(const Node& node) {
    return node.is_leaf() ? node.text() : fmt::format("{} of {} inputs", node.text(), node.inputs.size());
  }

  std::string difference(const Pair& pair, const std::string& why) const {
    const std::string place =
        pair.place ? fmt::format("input {} of {}", pair.place->input, a_[pair.place->op].text())
                   : "the output";
    return fmt::format("{} is {} in one graph, {} in the other{}", place, text(a_[pair.a]), text(b_[pair.b]),
                       why);
  }

  // One of the two was met before, with another than this one.
  std::string sharing_difference(const Pair& pair) const {
    const auto before = [](const Graph& graph, NodeId node, const Graph& other, NodeId partner) {
      return fmt::format(", but {} was in the place of {} before", graph[node].text(), other[partner].text());
    };
    if (of_a_[pair.a]) return difference(pair, before(a_, pair.a, b_, *of_a_[pair.a]));
    return difference(pair, before(b_, pair.b, a_, *of_b_[pair.b]));
  }

  const Graph& a_;
  const Graph& b_;
  // Of each node, the other graph's that it was met with.
  std::vector<std::optional<NodeId>> of_a_;
  std::vector<std::optional<NodeId>> of_b_;
};

}  // namespace

bool same_structure(const Graph& a, const Graph& b, std::string* difference) {
  a.validate();
  b.validate();
  const std::string found = Walk(a, b).run();
  if (difference != nullptr) *difference = found;
  return found.empty();
}

}  // namespace filigree::scaling
