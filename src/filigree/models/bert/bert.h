// BERT for pre-training: encoder, masked-LM head tied to the word embedding, optional next-sentence head.
#pragma once

#include "filigree/models/parameter.h"
//
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "filigree/models/bert/batch.h"
#include "filigree/models/bert/config.h"
#include "filigree/models/bert/factors.h"
#include "filigree/models/encoder_matrix.h"

namespace filigree::models {

// Parameters carry Hugging Face's names (names.h). A unit-scaled one takes the factors of its ops from the
// solver when it is built.
class Bert {
 public:
  // Initialised as BERT: truncated normal of standard deviation 0.02 (unit-scaled: normal of 1), biases 0,
  // norms 1 and 0. Without a seed
  // it has names and shapes alone, takes no memory and can do nothing before a checkpoint fills it.
  Bert(const BertConfig& config, std::optional<std::uint64_t> seed);
  Bert(const Bert&) = delete;
  Bert& operator=(const Bert&) = delete;

  struct Loss {
    Tensor total;              // what is differentiated: a scalar
    double mlm = 0;            // sum over predictions of -log p, in nats
    double next_sentence = 0;  // sum over sequences
    std::int64_t correct = 0;  // predictions whose best guess is right
    std::int64_t next_correct = 0;
  };

  // The loss of a batch: MLM's sum over `prediction_divisor` plus, with next-sentence prediction, its
  // sum over `sequence_divisor`. Divisors are those of the whole batch when this is a slice of it.
  Loss loss(const MlmBatch& batch, double prediction_divisor, double sequence_divisor) const;

  // Log-probabilities [positions, vocabulary] at the batch's positions (labels are ignored).
  Tensor predict(const MlmBatch& batch) const;

  const BertConfig& config() const { return config_; }
  ParameterList& parameters() { return parameters_; }
  const ParameterList& parameters() const { return parameters_; }
  // The matrices that may be sparse, in a fixed order.
  const std::vector<std::unique_ptr<EncoderMatrix>>& matrices() const { return matrices_; }

 private:
  struct Norm {
    Parameter* gamma;
    Parameter* beta;
  };
  struct Layer {
    EncoderMatrix* qkv;
    Parameter* qkv_bias;
    EncoderMatrix* attention_out;
    Parameter* attention_out_bias;
    EncoderMatrix* up;
    Parameter* up_bias;
    EncoderMatrix* down;
    Parameter* down_bias;
    Norm attention_norm;  // after attention (post) or before it (pre)
    Norm output_norm;     // after the feed-forward part (post) or before it (pre)
  };

  Initialiser initialiser() const { return config_.unit_scaling ? Initialiser::kUnit : Initialiser::kBert; }
  Tensor constant(std::int64_t size, double value) const;
  Parameter& add_table(const std::string& name, std::int64_t rows, std::int64_t columns);
  Parameter& add_bias(const std::vector<std::string>& names, std::int64_t each);
  Norm add_norm(const std::string& name);
  EncoderMatrix* add_matrix(std::vector<std::string> names, std::int64_t out, std::int64_t in);
  void add_layer(std::int64_t index);
  void set_scaling_of_parameters();

  Tensor encode(const MlmBatch& batch) const;
  Tensor head(const Tensor& hidden, const MlmBatch& batch) const;
  Tensor pooled(const Tensor& hidden, const MlmBatch& batch) const;

  BertConfig config_;
  BertFactors factors_;
  std::optional<std::uint64_t> seed_;
  std::uint64_t next_index_ = 0;  // of random streams
  ParameterList parameters_;
  std::vector<std::unique_ptr<EncoderMatrix>> matrices_;
  Parameter* words_;
  Parameter* positions_;
  Parameter* types_;
  Norm embedding_norm_;
  std::vector<Layer> layers_;
  Norm final_norm_{};   // pre-norm only
  Parameter* decoder_;  // the words', where it is tied
  Parameter* transform_;
  Parameter* transform_bias_;
  Norm transform_norm_;
  Parameter* vocabulary_bias_;
  Parameter* pooler_ = nullptr;
  Parameter* pooler_bias_ = nullptr;
  Parameter* next_ = nullptr;
  Parameter* next_bias_ = nullptr;
};

}  // namespace filigree::models
