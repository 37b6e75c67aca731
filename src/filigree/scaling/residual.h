// The weights of a residual connection, y = skip * x + branch * f(x), chosen so that y keeps the variance of
// x. Backward, the branch's weight belongs at the input of f, not at its output: the gradient inside the
// branch is then unit-scaled too, and that of x is the same. "tau" has two meanings in the literature, which
// are two types here.
#pragma once

#include <cstdint>

namespace filigree::scaling {

struct ResidualWeights {
  double skip;
  double branch;
};

// tau of Unit Scaling (arXiv 2303.11257) and muS (2502.05967): the part of y's variance that the branch
// gives, within [0, 1].
struct VarianceShare {
  double tau;
};
// tau of u-muP (2407.17465) and of the unit_scaling library since 0.3: the branch's standard deviation over
// that of the skip, at least 0.
struct BranchRatio {
  double tau;
};

// sqrt(1 - tau) and sqrt(tau). Errors (usage): tau outside [0, 1].
ResidualWeights residual_weights(VarianceShare share);
// 1 / sqrt(1 + tau^2) and tau / sqrt(1 + tau^2). Errors (usage): tau negative or not finite.
ResidualWeights residual_weights(BranchRatio ratio);

// Gives every sublayer the same part of the last one's output: tau = 1 / (1 + index), index counting all
// residual sublayers (attention and feed-forward alike) from 0. The first has tau = 1: its skip is dropped.
// Errors (usage): a negative index.
VarianceShare running_mean(std::int64_t index);

// The rule of u-muP for a transformer, whose embedding and branches reach the last layer with fixed weights.
struct TransformerDepth {
  std::int64_t sublayers = 0;  // attention and feed-forward alike, attention first: an even number
  // The branches of one kind together (the mean of the two kinds) against the embedding: the root of the
  // ratio of their variances.
  double residual_mult = 1;
  // An attention branch against a feed-forward branch.
  double attn_ratio = 1;
};
// Of sublayer `index` from 0; even ones are attention.
// Errors (usage): sublayers odd or not above 0; an index outside; a multiplier that is not above 0 and
// finite.
BranchRatio transformer_residual(std::int64_t index, const TransformerDepth& depth);

}  // namespace filigree::scaling
