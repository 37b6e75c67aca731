// Ideal factors of scaled dot-product attention, for queries, keys, values and incoming gradients that are
// independent and N(0, 1). Unit Scaling leaves attention to its parts and u-muP (arXiv 2407.17465) fits one
// factor for all; here the probabilities' moments are integrals and each gradient has a factor of its own.
#pragma once

#include <cstdint>
#include <vector>

#include "filigree/scaling/factors.h"

namespace filigree::scaling {

// One head: y_i = sum over j of p_ij v_j, p_i = dropout(softmax over j of scale * q_i . k_j).
struct AttentionShape {
  std::int64_t queries = 0;
  std::int64_t keys = 0;
  std::int64_t head_size = 0;
  // What multiplies the dot products: m / sqrt(head_size) for logits of standard deviation m (Vaswani et al.
  // 2017: m = 1), m / head_size in u-muP.
  double scale = 0;
  // Query i sees keys 0 to i; as many queries as keys.
  bool causal = false;
  // Probabilities are zeroed with this probability, the rest are divided by 1 - dropout.
  double dropout = 0;
};

// Inputs: q, k, v. The root mean square over all positions becomes 1 (probabilities are positive, but the
// mean of an output is 0: it is the standard deviation too). Of a causal attention, one factor for all
// positions leaves the first ones too large and the last ones too small; see attention_output_by_position().
// Real tokens are not independent: attention over n keys that are all alike has no 1 / sqrt(n) to undo.
// Errors (usage): fewer than 2 keys (one has no gradient); scale * sqrt(head_size) outside [1e-6, 32]; causal
// with different numbers of queries and keys; dropout outside [0, 1).
Factors attention(const AttentionShape& shape);

// The output's factor of each query. Errors (usage): as attention().
std::vector<double> attention_output_by_position(const AttentionShape& shape);

}  // namespace filigree::scaling
