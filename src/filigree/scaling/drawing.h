// Graphs of scaled ops as a reader sees them.
#pragma once

#include <string>

#include "filigree/scaling/graph.h"
#include "filigree/scaling/solve.h"

namespace filigree::scaling {

// Each op on a line, in order: its kind and name, α, and each input with its β, a * behind those that are
// bound; then each leaf with the constant that its gradient is multiplied by, or why there is none.
std::string describe(const Graph& graph, const Solution& solution);

// For Graphviz: `dot -Tsvg`. Ops carry their α and edges their β; bound edges are bold, fixed ops filled.
std::string to_dot(const Graph& graph, const Solution& solution);

}  // namespace filigree::scaling
