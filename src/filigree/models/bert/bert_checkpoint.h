// A BERT in training as a checkpoint: values, moments, patterns and their history, and what must be the same
// for the run to go on.
#pragma once

#include "filigree/models/bert/bert.h"
//
#include <filesystem>
#include <nlohmann/json.hpp>

#include "filigree/models/sparse_training.h"
#include "filigree/run/checkpoint.h"

namespace filigree::models {

inline constexpr std::string_view kBertCheckpointKind = "bert";

// Facts of a run that name its data, each as hash_text().
inline constexpr const char* kVocabularyHashFact = "vocabulary-hash";
inline constexpr const char* kCorpusChecksumFact = "corpus-checksum";
// 16 hexadecimal digits.
std::string hash_text(std::uint64_t hash);

// The model's shape as JSON, and back. Errors (bad data): keys that are missing, of another type or
// out of range.
nlohmann::json to_json(const BertConfig& config);
BertConfig bert_config_from_json(const nlohmann::json& json);

// Writes step-<step>.safetensors into `folder`. `facts` is kept as it is (seed, batch, data...):
// load_bert_training compares it. Gives the path.
std::filesystem::path write_bert_checkpoint(const std::filesystem::path& folder, std::int64_t step,
                                            const Bert& model, const SparseTraining& sparse,
                                            const nlohmann::json& facts);

struct BertTraining {
  std::unique_ptr<Bert> model;
  std::unique_ptr<SparseTraining> sparse;
  std::int64_t step = 0;
};

// The training that a checkpoint holds, to go on with. `schedule` and `seed` are those of the run.
// Errors (usage): its model or facts differ from these, naming the first difference. Errors (bad data): it
// was made on other data; a tensor is missing or of another shape; a pattern that is not one; a step behind
// the schedule's last.
BertTraining load_bert_training(const run::Checkpoint& checkpoint, const BertConfig& config,
                                const PatternSchedule& schedule, std::uint64_t seed,
                                const nlohmann::json& facts);

// The model of a checkpoint, for predicting: it has no moments. Takes memory for what the file really holds.
// Errors (bad data): a description that fits no model or not the tensors.
std::unique_ptr<Bert> load_bert(const run::Checkpoint& checkpoint);

}  // namespace filigree::models
