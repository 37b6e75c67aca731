#include "filigree/scaling/bridges.h"

#include <gtest/gtest.h>

#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/philox.h"

namespace filigree::scaling {
namespace {

// Components, by joining ends until nothing changes.
std::size_t component_count(std::size_t nodes, const std::vector<Edge>& edges, std::size_t without) {
  std::vector<std::size_t> label(nodes);
  for (std::size_t v = 0; v < nodes; ++v) label[v] = v;
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t e = 0; e < edges.size(); ++e) {
      const std::size_t low = std::min(label[edges[e].from], label[edges[e].to]);
      if (e == without || label[edges[e].from] == label[edges[e].to]) continue;
      label[edges[e].from] = label[edges[e].to] = low;
      changed = true;
    }
  }
  std::size_t count = 0;
  for (std::size_t v = 0; v < nodes; ++v) count += label[v] == v;
  return count;
}

TEST(FindBridges, FindsWhatRemovingEachEdgeFinds) {
  Philox random(1, Purpose::kTest);
  std::size_t bridges = 0;
  std::size_t others = 0;
  for (int graph = 0; graph < 10000; ++graph) {
    const std::size_t nodes = 1 + random.below(10);
    std::vector<Edge> edges(random.below(nodes + nodes / 2 + 1));
    for (Edge& edge : edges) edge = {random.below(nodes), random.below(nodes)};
    const std::vector<bool> found = find_bridges(nodes, edges);
    ASSERT_EQ(found.size(), edges.size());
    const std::size_t before = component_count(nodes, edges, edges.size());
    for (std::size_t e = 0; e < edges.size(); ++e) {
      ASSERT_EQ(found[e], component_count(nodes, edges, e) > before) << "graph " << graph << ", edge " << e;
      ++(found[e] ? bridges : others);
    }
  }
  EXPECT_GT(bridges, 10000);
  EXPECT_GT(others, 10000);
}

TEST(FindBridges, KnowsParallelEdgesAndLoops) {
  const std::vector<Edge> edges{{0, 1}, {1, 0}, {1, 2}, {2, 2}};
  EXPECT_EQ(find_bridges(3, edges), (std::vector<bool>{false, false, true, false}));
  EXPECT_TRUE(find_bridges(0, {}).empty());
  EXPECT_TRUE(find_bridges(5, {}).empty());
  const std::vector<Edge> dangling{{0, 3}};
  EXPECT_THROW(find_bridges(3, dangling), Error);
}

}  // namespace
}  // namespace filigree::scaling
