#include "filigree/scaling/bridges.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "filigree/base/error.h"

namespace filigree::scaling {
namespace {

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

// The edges at each node: those of node v are incident[offsets[v]] to incident[offsets[v + 1] - 1].
struct Incidence {
  std::vector<std::size_t> offsets;
  std::vector<std::size_t> incident;
};

Incidence incidence(std::size_t nodes, std::span<const Edge> edges) {
  Incidence lists{std::vector<std::size_t>(nodes + 1), std::vector<std::size_t>(2 * edges.size())};
  for (const Edge& edge : edges) {
    if (edge.from >= nodes || edge.to >= nodes) {
      fail("edge {} -> {} of a graph of {} nodes", edge.from, edge.to, nodes);
    }
    ++lists.offsets[edge.from + 1];
    ++lists.offsets[edge.to + 1];
  }
  std::partial_sum(lists.offsets.begin(), lists.offsets.end(), lists.offsets.begin());
  std::vector<std::size_t> next(lists.offsets.begin(), lists.offsets.end() - 1);
  for (std::size_t e = 0; e < edges.size(); ++e) {
    lists.incident[next[edges[e].from]++] = e;
    lists.incident[next[edges[e].to]++] = e;
  }
  return lists;
}

class BridgeSearch {
 public:
  BridgeSearch(std::size_t nodes, std::span<const Edge> edges)
      : edges_(edges),
        lists_(incidence(nodes, edges)),
        next_(lists_.offsets.begin(), lists_.offsets.end() - 1),
        entered_(nodes, kNone),
        lowest_(nodes, kNone),
        entered_by_(nodes, kNone),
        is_bridge_(edges.size()) {}

  std::vector<bool> run() {
    for (std::size_t node = 0; node < entered_.size(); ++node) {
      if (entered_[node] == kNone) search_from(node);
    }
    return std::move(is_bridge_);
  }

 private:
  void search_from(std::size_t root) {
    enter(root, kNone);
    while (!path_.empty()) {
      const std::size_t node = path_.back();
      if (next_[node] == lists_.offsets[node + 1]) {
        leave(node);
      } else {
        follow(node, lists_.incident[next_[node]++]);
      }
    }
  }

  void enter(std::size_t node, std::size_t by) {
    entered_[node] = lowest_[node] = count_++;
    entered_by_[node] = by;
    path_.push_back(node);
  }

  void follow(std::size_t node, std::size_t edge) {
    // By its number: another edge to the same node is a way back.
    if (edge == entered_by_[node]) return;
    const std::size_t other = edges_[edge].from == node ? edges_[edge].to : edges_[edge].from;
    if (entered_[other] == kNone) {
      enter(other, edge);
    } else {
      lowest_[node] = std::min(lowest_[node], entered_[other]);
    }
  }

  void leave(std::size_t node) {
    path_.pop_back();
    if (path_.empty()) return;
    const std::size_t parent = path_.back();
    lowest_[parent] = std::min(lowest_[parent], lowest_[node]);
    is_bridge_[entered_by_[node]] = lowest_[node] > entered_[parent];
  }

  std::span<const Edge> edges_;
  Incidence lists_;
  std::vector<std::size_t> next_;  // of each node, the place of the next incident edge to follow
  std::vector<std::size_t> entered_;
  std::vector<std::size_t> lowest_;  // the earliest node entered that the search below a node has met
  std::vector<std::size_t> entered_by_;
  std::vector<std::size_t> path_;
  std::vector<bool> is_bridge_;
  std::size_t count_ = 0;
};

}  // namespace

std::vector<bool> find_bridges(std::size_t nodes, std::span<const Edge> edges) {
  return BridgeSearch(nodes, edges).run();
}

}  // namespace filigree::scaling
