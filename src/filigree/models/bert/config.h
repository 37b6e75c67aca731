// The shape of a BERT encoder (Devlin et al. 2019).
#pragma once

#include <cstdint>
#include <string>

#include "filigree/models/sparsity.h"

namespace filigree::models {

enum class NormPlacement { kPost, kPre };

// Dimensions of a head in BERT's own models.
inline constexpr std::int64_t kUsualHead = 64;

// Heads of kUsualHead dimensions in an encoder of width `hidden`; one head where it is narrower.
// Errors (usage): a wider one that is no multiple.
std::int64_t heads_of_usual_size(std::int64_t hidden);

struct BertConfig {
  std::int64_t vocabulary = 8192;
  std::int64_t layers = 2;
  std::int64_t hidden = 128;
  std::int64_t heads = 2;
  std::int64_t intermediate = 512;
  std::int64_t max_positions = 512;
  NormPlacement norm = NormPlacement::kPost;
  double norm_epsilon = 1e-12;
  bool next_sentence = false;
  SparsityConfig sparsity;

  // Errors (usage): sizes that do not fit together, each with the cure.
  void check() const;
};

}  // namespace filigree::models
