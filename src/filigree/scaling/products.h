// Ideal factors of products with weights: each output and gradient is a sum of independent terms of variance
// 1, whose standard deviation is the square root of their number (Unit Scaling, arXiv 2303.11257, table A.2).
#pragma once

#include <cstdint>

#include "filigree/scaling/factors.h"

namespace filigree::scaling {

// left [rows x inner] times right [inner x columns]. Inputs: left, right.
// Errors (usage), as of all rules: a size that is not above 0.
Factors matmul(std::int64_t rows, std::int64_t inner, std::int64_t columns);

// The exponents of a linear layer's factors: 1/2 where the terms of a sum are independent, 1 where they are
// all alike. With batch = 1, gradients of the weights are scaled as if every token gave the same one.
struct ScalePower {
  double fan_in = 0.5;   // of the output
  double fan_out = 0.5;  // of the gradient of x
  double batch = 0.5;    // of the gradients of weight and bias
};
// The last layer of u-muP (arXiv 2407.17465): its output shrinks with the width, its gradients stay at 1.
inline constexpr ScalePower kReadoutPower{.fan_in = 1};

struct LinearShape {
  // All rows that enter one gradient of the weights: ranks x accumulation steps x rows of a batch.
  std::int64_t tokens = 0;
  std::int64_t fan_in = 0;
  std::int64_t fan_out = 0;
  // Of a block-sparse weight: the share of its values that are there.
  double density = 1;
  bool bias = false;
};

// y = x w^T + bias, x: tokens x fan_in, y: tokens x fan_out. Of a block-sparse weight, values and gradients
// are those of the blocks that are there. Inputs: x, weight, bias where the shape has one; a bias starts at
// zero and changes no variance.
// Errors (usage): a density outside (0, 1]; a power outside [0, 2].
Factors linear(const LinearShape& shape, const ScalePower& power = {});
Factors linear_readout(const LinearShape& shape);

// A one-dimensional convolution over `batch` sequences of `length` positions.
struct ConvolutionShape {
  // All sequences that enter one gradient of the weights: ranks x accumulation steps x sequences of a batch.
  std::int64_t batch = 0;
  std::int64_t length = 0;
  std::int64_t channels_in = 0;
  std::int64_t channels_out = 0;
  std::int64_t kernel = 0;
  std::int64_t groups = 1;  // divides both numbers of channels
  std::int64_t stride = 1;
  std::int64_t padding = 0;  // zeros on either side
  std::int64_t dilation = 1;
  bool bias = false;
};

// Positions of the output. Errors (usage): none; the shape does not fit together.
std::int64_t output_length(const ConvolutionShape& shape);

// Inputs: x, weight, bias where the shape has one. Far from the edges these are the published
// (channels_in / groups * kernel)^-1/2, (stride * groups / (channels_out * kernel))^1/2 and (batch * output
// length)^-1/2; here the taps that fall on padding and the positions that few taps reach are counted, so that
// the mean over all positions is exact.
// Errors (usage): as output_length(); a kernel that touches nothing but padding.
Factors convolution(const ConvolutionShape& shape);

// `indices` look-ups in a table of `vocabulary` rows: each row's gradient sums indices / vocabulary of them,
// on average over the rows. Inputs: the table.
// indices: all that enter one gradient, as the tokens of a linear layer.
Factors embedding(std::int64_t vocabulary, std::int64_t indices);

}  // namespace filigree::scaling
