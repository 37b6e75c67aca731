// Ideal factors of norms, sums and other ops that need no more than a root (Unit Scaling, arXiv 2303.11257,
// table A.2).
#pragma once

#include <cstdint>
#include <vector>

#include "filigree/scaling/factors.h"

namespace filigree::scaling {

// Over the last dimension of `rows` rows, all that enter one gradient of weight and bias: ranks x
// accumulation steps x rows of a batch. The gradient of x, for a weight at its initial 1, has the mean square
// (n - 2) / (n - 3) over n values (RMS norm: (n - 1) / (n - 2)), taken as 1: its root is within 4 % of that
// from n = 16. Inputs: x, weight, bias.
Factors layer_norm(std::int64_t rows);
// Inputs: x, weight.
Factors rms_norm(std::int64_t rows);

// Zeroes with probability p and divides the rest by 1 - p. Inputs: x.
// Errors (usage): p outside [0, 1).
Factors dropout(double p);

// The sum of `terms` elements of x. Inputs: x.
Factors sum(std::int64_t terms);

// sum over i of weights[i] x_i. Inputs: each x_i. Errors (usage): no weights; one whose size is outside
// [1e-100, 1e100].
Factors weighted_sum(const std::vector<double>& weights);

// The sum of operands that are broadcast to `output` elements; a single element broadcast to many is a
// constant and adds nothing to the variance of the output. Inputs: the operands. operands: the elements of
// each. Errors (usage): no operands; a number that does not divide the output's.
Factors add(std::int64_t output, const std::vector<std::int64_t>& operands);

// The loss (sum over all elements of (x - target)^2) / divisor: the number of elements, or 1 for a plain sum.
// A loss is reported as it is: its factor is 1. Inputs: x, target.
Factors mse(std::int64_t divisor);

}  // namespace filigree::scaling
