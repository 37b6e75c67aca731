// AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2), one tensor a call.
#pragma once

#include <cstdint>

namespace filigree::dense {

struct AdamWStep {
  double learning_rate;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-6;
  double weight_decay = 0;
  std::int64_t step = 1;      // from 1: the bias corrections
  double gradient_scale = 1;  // multiplies the gradient first (clipping)
};

// m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  w = w (1 - lr decay) - lr m^ / (sqrt(v^) + epsilon).
// All of `count` elements; threads own fixed chunks, so the result depends on nothing but the inputs.
template <typename T>
void adamw(const AdamWStep& step, const T* gradient, T* weight, T* first_moment, T* second_moment,
           std::int64_t count);

}  // namespace filigree::dense
