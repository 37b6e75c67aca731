// The names of BERT's parameters: Hugging Face's. Where the norm comes first, the encoder's are those of its
// RobertaPreLayerNorm below the prefix bert.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

#include "filigree/models/bert/config.h"

namespace filigree::models::names {

inline const std::string kWords = "bert.embeddings.word_embeddings.weight";
inline const std::string kPositions = "bert.embeddings.position_embeddings.weight";
inline const std::string kTypes = "bert.embeddings.token_type_embeddings.weight";
// Norms: without .weight and .bias.
inline const std::string kEmbeddingNorm = "bert.embeddings.LayerNorm";
inline const std::string kFinalNorm = "bert.LayerNorm";  // pre-norm
inline const std::string kTransform = "cls.predictions.transform.dense.weight";
inline const std::string kTransformBias = "cls.predictions.transform.dense.bias";
inline const std::string kTransformNorm = "cls.predictions.transform.LayerNorm";
inline const std::string kDecoder = "cls.predictions.decoder.weight";  // where it is not tied
inline const std::string kVocabularyBias = "cls.predictions.bias";
inline const std::string kPooler = "bert.pooler.dense.weight";
inline const std::string kPoolerBias = "bert.pooler.dense.bias";
inline const std::string kNext = "cls.seq_relationship.weight";
inline const std::string kNextBias = "cls.seq_relationship.bias";

struct Layer {
  Layer(std::int64_t index, NormPlacement norm) {
    const std::string prefix = fmt::format("bert.encoder.layer.{}.", index);
    const std::string self = prefix + "attention.self.";
    const bool pre = norm == NormPlacement::kPre;
    for (const char* part : {"query", "key", "value"}) {
      qkv.push_back(self + part + ".weight");
      qkv_bias.push_back(self + part + ".bias");
    }
    attention_out = prefix + "attention.output.dense.weight";
    attention_out_bias = prefix + "attention.output.dense.bias";
    attention_norm = prefix + (pre ? "attention.LayerNorm" : "attention.output.LayerNorm");
    up = prefix + "intermediate.dense.weight";
    up_bias = prefix + "intermediate.dense.bias";
    down = prefix + "output.dense.weight";
    down_bias = prefix + "output.dense.bias";
    output_norm = prefix + (pre ? "intermediate.LayerNorm" : "output.LayerNorm");
  }

  std::vector<std::string> qkv, qkv_bias;  // stacked: one parameter each
  std::string attention_out, attention_out_bias, attention_norm;
  std::string up, up_bias, down, down_bias, output_norm;
};

}  // namespace filigree::models::names
