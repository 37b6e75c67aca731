#include "filigree/models/bert/bert_checkpoint.h"

#include <algorithm>
#include <functional>
#include <span>

#include "filigree/base/error.h"

namespace filigree::models {
namespace {

constexpr const char* kFirstMoment = ".first_moment";
constexpr const char* kSecondMoment = ".second_moment";
constexpr const char* kRowOffsets = ".row_offsets";
constexpr const char* kColumnIndices = ".column_indices";
constexpr const char* kEverActive = ".ever_active";
constexpr const char* kBornLast = ".born_last";

std::span<const float> part_of(const Tensor& tensor, const ParameterPart& part) {
  return {tensor.data_ptr<float>() + part.offset, static_cast<std::size_t>(part.count())};
}

template <typename T>
std::vector<std::int64_t> length_of(const T& values) {
  return {static_cast<std::int64_t>(values.size())};
}

void read_part(const run::SafetensorsFile& file, const std::string& name, const ParameterPart& part,
               const Tensor& to) {
  const std::span<const float> values = file.get_as<float>(name, part.shape);
  std::copy(values.begin(), values.end(), to.data_ptr<float>() + part.offset);
}

template <typename T>
std::vector<T> read_vector(const run::SafetensorsFile& file, const std::string& name) {
  const auto shape = file.get(name).shape;
  const std::span<const T> values = file.get_as<T>(name, shape);
  return {values.begin(), values.end()};
}

EncoderMatrix::Pattern read_pattern(const run::SafetensorsFile& file, const EncoderMatrix& matrix,
                                    const std::string& name) {
  auto offsets = read_vector<std::int32_t>(file, name + kRowOffsets);
  auto columns = read_vector<std::int32_t>(file, name + kColumnIndices);
  try {
    return std::make_shared<const sparse::BsrPattern>(matrix.out(), matrix.in(), matrix.block(),
                                                      std::move(offsets), std::move(columns));
  } catch (const Error& error) {
    fail_data("{}: {}: {}", file.path().string(), name, error.what());
  }
}

void read_patterns(const run::SafetensorsFile& file, Bert& model) {
  for (const auto& matrix : model.matrices()) {
    std::vector<EncoderMatrix::Pattern> patterns;
    for (std::size_t p = 0; p < matrix->patterns().size(); ++p) {
      const std::string& name = matrix->part_name(p);
      auto pattern = read_pattern(file, *matrix, name);
      if (pattern->block_count() != matrix->patterns()[p]->block_count()) {
        fail_data("{}: {} has {} blocks, wanted {}", file.path().string(), name, pattern->block_count(),
                  matrix->patterns()[p]->block_count());
      }
      patterns.push_back(std::move(pattern));
    }
    if (!patterns.empty()) matrix->set_patterns(std::move(patterns));
  }
}

// The last update's blocks are among the pattern's, and the pattern's among all that ever were.
bool fits(const PatternHistory& history, const sparse::BsrPattern& pattern) {
  const std::vector<std::int32_t> ids = block_ids(pattern);
  const auto& active = history.ever_active;
  const auto& born = history.born_last;
  return static_cast<std::int64_t>(active.size()) == pattern.block_rows() * pattern.block_columns() &&
         std::all_of(active.begin(), active.end(), [](std::uint8_t value) { return value <= 1; }) &&
         std::all_of(ids.begin(), ids.end(),
                     [&](std::int32_t id) { return active[static_cast<std::size_t>(id)] == 1; }) &&
         std::adjacent_find(born.begin(), born.end(), std::greater_equal<>()) == born.end() &&
         std::includes(ids.begin(), ids.end(), born.begin(), born.end());
}

void read_histories(const run::SafetensorsFile& file, const Bert& model, SparseTraining& sparse) {
  for (const auto& matrix : model.matrices()) {
    for (std::size_t p = 0; p < matrix->patterns().size(); ++p) {
      const std::string& name = matrix->part_name(p);
      PatternHistory history{read_vector<std::uint8_t>(file, name + kEverActive),
                             read_vector<std::int32_t>(file, name + kBornLast)};
      if (!fits(history, *matrix->patterns()[p])) {
        fail_data("{}: the history of {} does not fit its pattern", file.path().string(), name);
      }
      sparse.histories().at(name) = std::move(history);
    }
  }
}

// A masked matrix must be zero outside its blocks, or it would not be the twin of a sparse one.
void check_masked(const run::SafetensorsFile& file, const EncoderMatrix& matrix, const Tensor& values,
                  const std::string& suffix) {
  if (const auto part = matrix.first_part_beyond_mask(values)) {
    fail_data("{}: {}{} is not zero everywhere outside its pattern", file.path().string(),
              matrix.part_name(*part), suffix);
  }
}

// Names the first key in which two objects differ.
void check_same(const nlohmann::json& saved, const nlohmann::json& wanted, const std::string& what) {
  for (const auto& [key, value] : wanted.items()) {
    if (saved.contains(key) && saved.at(key) == value) continue;
    fail_usage(
        "the checkpoint was made with {} {} = {}, this command asks for {}; resume with the run's own "
        "options, "
        "or start a new run in another folder",
        what, key, saved.contains(key) ? saved.at(key).dump() : "none", value.dump());
  }
}

// What no model of ours exceeds: a damaged description must not allocate terabytes or divide by zero.
void check_ranges(const BertConfig& config) {
  const auto in = [](std::int64_t value, std::int64_t most) { return value >= 1 && value <= most; };
  const int b = config.sparsity.block;
  const bool sound = in(config.vocabulary, 1 << 24) && in(config.layers, 1000) &&
                     in(config.hidden, 1 << 16) && in(config.heads, config.hidden) &&
                     in(config.intermediate, 1 << 20) && in(config.max_positions, 1 << 20) &&
                     config.norm_epsilon > 0 && config.norm_epsilon < 1 &&
                     (b == 1 || b == 4 || b == 8 || b == 16) && config.sparsity.density > 0 &&
                     config.sparsity.density <= 1 && config.hidden % config.heads == 0 &&
                     (config.sparsity.storage == Storage::kDense ||
                      (config.hidden % b == 0 && config.intermediate % b == 0));
  if (!sound) fail_data("the checkpoint's description of the model is damaged: sizes that no model has");
}

std::string storage_name(Storage storage) {
  return storage == Storage::kDense ? "dense" : storage == Storage::kSparse ? "sparse" : "masked";
}

}  // namespace

nlohmann::json to_json(const BertConfig& config) {
  return {{"vocabulary", config.vocabulary},
          {"layers", config.layers},
          {"hidden", config.hidden},
          {"heads", config.heads},
          {"intermediate", config.intermediate},
          {"max_positions", config.max_positions},
          {"norm", config.norm == NormPlacement::kPre ? "pre" : "post"},
          {"norm_epsilon", config.norm_epsilon},
          {"next_sentence", config.next_sentence},
          {"storage", storage_name(config.sparsity.storage)},
          {"density", config.sparsity.density},
          {"block", config.sparsity.block}};
}

BertConfig bert_config_from_json(const nlohmann::json& json) {
  BertConfig config;
  try {
    config.vocabulary = json.at("vocabulary");
    config.layers = json.at("layers");
    config.hidden = json.at("hidden");
    config.heads = json.at("heads");
    config.intermediate = json.at("intermediate");
    config.max_positions = json.at("max_positions");
    config.norm = json.at("norm") == "pre" ? NormPlacement::kPre : NormPlacement::kPost;
    config.norm_epsilon = json.at("norm_epsilon");
    config.next_sentence = json.at("next_sentence");
    const std::string storage = json.at("storage");
    const std::string norm = json.at("norm");
    if (storage_name(config.sparsity.storage = storage == "dense"    ? Storage::kDense
                                               : storage == "sparse" ? Storage::kSparse
                                                                     : Storage::kMasked) != storage ||
        (norm != "pre" && norm != "post")) {
      fail_data("the checkpoint's description of the model is damaged: storage {}, norm {}", storage, norm);
    }
    config.sparsity.density = json.at("density");
    config.sparsity.block = json.at("block");
  } catch (const nlohmann::json::exception& error) {
    fail_data("the checkpoint's description of the model is damaged: {}", error.what());
  }
  check_ranges(config);
  return config;
}

std::filesystem::path write_bert_checkpoint(const std::filesystem::path& folder, std::int64_t step,
                                            const Bert& model, const SparseTraining& sparse,
                                            const nlohmann::json& facts) {
  std::vector<run::TensorEntry> entries;
  for (const auto& parameter : model.parameters()) {
    for (const ParameterPart& part : parameter->parts) {
      entries.push_back(run::tensor_entry<float>(part.name, part.shape, part_of(parameter->value, part)));
      entries.push_back(run::tensor_entry<float>(part.name + kFirstMoment, part.shape,
                                                 part_of(parameter->first_moment, part)));
      entries.push_back(run::tensor_entry<float>(part.name + kSecondMoment, part.shape,
                                                 part_of(parameter->second_moment, part)));
    }
  }
  for (const auto& matrix : model.matrices()) {
    for (std::size_t p = 0; p < matrix->patterns().size(); ++p) {
      const std::string& name = matrix->part_name(p);
      const sparse::BsrPattern& pattern = *matrix->patterns()[p];
      const PatternHistory& history = sparse.histories().at(name);
      entries.push_back(run::tensor_entry<std::int32_t>(name + kRowOffsets, length_of(pattern.row_offsets()),
                                                        pattern.row_offsets()));
      entries.push_back(run::tensor_entry<std::int32_t>(
          name + kColumnIndices, length_of(pattern.column_indices()), pattern.column_indices()));
      entries.push_back(run::tensor_entry<std::uint8_t>(name + kEverActive, length_of(history.ever_active),
                                                        std::span<const std::uint8_t>(history.ever_active)));
      entries.push_back(run::tensor_entry<std::int32_t>(name + kBornLast, length_of(history.born_last),
                                                        std::span<const std::int32_t>(history.born_last)));
    }
  }
  return run::write_checkpoint(folder, kBertCheckpointKind, step, entries,
                               {{"model", to_json(model.config())}, {"facts", facts}});
}

std::int64_t read_bert_training(const run::Checkpoint& checkpoint, Bert& model, SparseTraining& sparse,
                                const nlohmann::json& facts) {
  const nlohmann::json& state = checkpoint.state();
  check_same(state.value("model", nlohmann::json::object()), to_json(model.config()), "model");
  check_same(state.value("facts", nlohmann::json::object()), facts, "training");
  read_bert_values(checkpoint, model);
  for (const auto& parameter : model.parameters()) {
    for (const ParameterPart& part : parameter->parts) {
      read_part(checkpoint.tensors(), part.name + kFirstMoment, part, parameter->first_moment);
      read_part(checkpoint.tensors(), part.name + kSecondMoment, part, parameter->second_moment);
    }
  }
  for (const auto& matrix : model.matrices()) {
    check_masked(checkpoint.tensors(), *matrix, matrix->parameter().first_moment, kFirstMoment);
    check_masked(checkpoint.tensors(), *matrix, matrix->parameter().second_moment, kSecondMoment);
  }
  read_histories(checkpoint.tensors(), model, sparse);
  return checkpoint.step();
}

std::unique_ptr<Bert> load_bert(const run::Checkpoint& checkpoint) {
  const BertConfig config =
      bert_config_from_json(checkpoint.state().value("model", nlohmann::json::object()));
  // The file's own size bounds the model before memory is taken for it.
  (void)checkpoint.tensors().get_as<float>("bert.embeddings.word_embeddings.weight",
                                           std::vector<std::int64_t>{config.vocabulary, config.hidden});
  (void)checkpoint.tensors().get_as<float>("bert.embeddings.position_embeddings.weight",
                                           std::vector<std::int64_t>{config.max_positions, config.hidden});
  (void)checkpoint.tensors().get_as<float>(
      "bert.encoder.layer." + std::to_string(config.layers - 1) + ".intermediate.dense.bias",
      std::vector<std::int64_t>{config.intermediate});
  auto model = std::make_unique<Bert>(config, /*seed=*/0);
  read_bert_values(checkpoint, *model);
  return model;
}

void read_bert_values(const run::Checkpoint& checkpoint, Bert& model) {
  read_patterns(checkpoint.tensors(), model);
  for (const auto& parameter : model.parameters()) {
    for (const ParameterPart& part : parameter->parts)
      read_part(checkpoint.tensors(), part.name, part, parameter->value);
  }
  for (const auto& matrix : model.matrices())
    check_masked(checkpoint.tensors(), *matrix, matrix->parameter().value, "");
}

}  // namespace filigree::models
