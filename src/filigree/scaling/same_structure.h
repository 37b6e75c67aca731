// Whether two graphs are the same but for the order and the names of their nodes.
#pragma once

#include <string>

#include "filigree/scaling/graph.h"

namespace filigree::scaling {

// Whether walking both from their outputs, from each op to its inputs in their order, meets the same: ops of
// the same kind with as many inputs, parameters of the same name, inputs; and the same node again wherever
// the other graph has the same node again. Names of inputs and ops, factors and constraints do not count. So
// a graph that was traced from what a model did can be held against the one it was solved on. `difference`,
// unless null, is where they first differ, nearest to the outputs; empty if nowhere. Linear time. Errors:
// Graph::validate()'s, of both.
bool same_structure(const Graph& a, const Graph& b, std::string* difference = nullptr);

}  // namespace filigree::scaling
