// The ops of a unit-scaled BERT as a graph, whose bridges say which factors are free (scaling/solve.h).
#pragma once

#include "filigree/models/bert/config.h"
#include "filigree/scaling/graph.h"
#include "filigree/scaling/residual.h"

namespace filigree::models {

// The weights of residual sum `index`: two in each layer, counted from 0.
scaling::ResidualWeights residual_weights(const UnitScalingConfig& config, std::int64_t index);

// The ops of the training step of a model of this shape, with ideal factors; its output is the loss. Where an
// op of nn/ does the work of several it is several nodes here: add_layer_norm is "residual_sum" and
// "layer_norm". A branch's weight is applied forward in its "residual_sum" and backward at its beginning, the
// "residual_split", which nn's products do on the way. Parameters have their tensors' first names.
// Errors (usage): no unit scaling; a shape that no rule takes.
scaling::Graph bert_graph(const BertConfig& config);

}  // namespace filigree::models
