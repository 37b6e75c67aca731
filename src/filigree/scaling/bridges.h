// Bridges of an undirected multigraph: the edges whose removal leaves more components than before. In the
// paper on Unit Scaling (arXiv 2303.11257, section 5) they are the cut-edges.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace filigree::scaling {

struct Edge {
  std::size_t from;
  std::size_t to;
};

// For each edge, whether it is a bridge. Directions do not count. One of several edges between the same two
// nodes never is, nor is one from a node to itself. Nodes are [0, nodes). Linear time (Tarjan, "A note on
// finding the bridges of a graph", 1974), without recursion. Errors: an edge's end is no node.
std::vector<bool> find_bridges(std::size_t nodes, std::span<const Edge> edges);

}  // namespace filigree::scaling
