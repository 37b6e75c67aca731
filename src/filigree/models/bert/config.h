// The shape of a BERT encoder (Devlin et al. 2019).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "filigree/models/sparsity.h"
#include "filigree/nn/precision.h"
#include "filigree/scaling/factors.h"

namespace filigree::models {

enum class NormPlacement { kPost, kPre };

// Dimensions of a head in BERT's own models.
inline constexpr std::int64_t kUsualHead = 64;

// Heads of kUsualHead dimensions in an encoder of width `hidden`; one head where it is narrower.
// Errors (usage): a wider one that is no multiple.
std::int64_t heads_of_usual_size(std::int64_t hidden);

// Unit scaling (arXiv 2303.11257): what the factors of a model's ops follow from, beside its own shape.
struct UnitScalingConfig {
  scaling::Constraint constraint = scaling::Constraint::kGeometricMean;
  // The part of a residual sum's variance that its branch gives; unset: 1 / (2 + index), index counting the
  // sums from 0, so that the embedding and all branches weigh the same.
  std::optional<double> residual_share = 0.1;
  // The global batch: ranks x accumulation steps x a slice of it.
  std::int64_t sequences = 32;
  std::int64_t sequence = 128;
  std::int64_t predictions = 640;  // of all sequences together

  std::int64_t tokens() const { return sequences * sequence; }
};

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
  // Whether the masked-LM head multiplies by the word embedding, or by a matrix of its own.
  bool tied = true;
  SparsityConfig sparsity;
  std::optional<UnitScalingConfig> unit_scaling;
  // Of the encoder's products; with FP8 those of the heads are BF16's. No property of a checkpoint's model.
  nn::Precision precision = nn::Precision::kFp32;

  nn::Precision head_precision() const {
    return precision == nn::Precision::kFp8 ? nn::Precision::kBf16 : precision;
  }

  // Errors (usage): sizes that do not fit together, each with the cure.
  void check() const;
};

}  // namespace filigree::models
