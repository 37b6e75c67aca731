#include "filigree/models/bert/bert_checkpoint.h"

#include <algorithm>
#include <functional>
#include <span>

#include "filigree/base/error.h"

namespace filigree::models {
namespace {

// A parameter's tensors, and what a part's name ends in for each; the values alone serve for predicting.
struct Stored {
  Tensor Parameter::*tensor;
  const char* suffix;
};
constexpr Stored kStored[] = {{&Parameter::value, ""},
                              {&Parameter::first_moment, ".first_moment"},
                              {&Parameter::second_moment, ".second_moment"}};

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

template <typename T>
std::vector<T> read_vector(const SafetensorsFile& file, const std::string& name) {
  const auto shape = file.get(name).shape;
  const std::span<const T> values = file.get_as<T>(name, shape);
  return {values.begin(), values.end()};
}

EncoderMatrix::Pattern read_pattern(const SafetensorsFile& file, const EncoderMatrix& matrix,
                                    const std::string& name) {
  try {
    return std::make_shared<const sparse::BsrPattern>(matrix.out(), matrix.in(), matrix.block(),
                                                      read_vector<std::int32_t>(file, name + kRowOffsets),
                                                      read_vector<std::int32_t>(file, name + kColumnIndices));
  } catch (const Error& error) {
    fail_data("{}: {}: {}", file.path().string(), name, error.what());
  }
}

void read_patterns(const SafetensorsFile& file, Bert& model) {
  for (const auto& matrix : model.matrices()) {
    if (!matrix->has_patterns()) continue;
    std::vector<EncoderMatrix::Pattern> patterns;
    for (std::size_t p = 0; p < matrix->part_count(); ++p) {
      patterns.push_back(read_pattern(file, *matrix, matrix->part_name(p)));
    }
    matrix->set_patterns(std::move(patterns));
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

void read_histories(const SafetensorsFile& file, const Bert& model, SparseTraining& sparse) {
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
void check_masked(const SafetensorsFile& file, const EncoderMatrix& matrix, const Tensor& values,
                  const std::string& suffix) {
  if (const auto part = matrix.first_part_beyond_mask(values)) {
    fail_data("{}: {}{} is not zero everywhere outside its pattern", file.path().string(),
              matrix.part_name(*part), suffix);
  }
}

// That the file holds all of these tensors, for a model of which only the shapes are there: its own size then
// bounds the memory that is taken for them.
void check_tensors(const SafetensorsFile& file, const Bert& model, std::span<const Stored> wanted) {
  for (const auto& parameter : model.parameters()) {
    for (const ParameterPart& part : parameter->parts) {
      for (const Stored& stored : wanted) (void)file.get_as<float>(part.name + stored.suffix, part.shape);
    }
  }
  for (const auto& matrix : model.matrices()) {
    if (!matrix->has_patterns()) continue;
    for (std::size_t p = 0; p < matrix->part_count(); ++p) {
      const std::string& name = matrix->part_name(p);
      const std::int64_t offsets[] = {matrix->out() / matrix->block() + 1};
      const std::int64_t columns[] = {matrix->block_count()};
      (void)file.get_as<std::int32_t>(name + kRowOffsets, offsets);
      (void)file.get_as<std::int32_t>(name + kColumnIndices, columns);
    }
  }
}

void read_tensors(const SafetensorsFile& file, Bert& model, std::span<const Stored> wanted) {
  for (const auto& parameter : model.parameters()) {
    for (const Stored& stored : wanted) {
      const Tensor whole = at::empty(parameter->value.sizes(), at::kFloat);
      for (const ParameterPart& part : parameter->parts) {
        const std::span<const float> values = file.get_as<float>(part.name + stored.suffix, part.shape);
        std::copy(values.begin(), values.end(), whole.data_ptr<float>() + part.offset);
      }
      (*parameter).*stored.tensor = whole;
    }
    parameter->value.requires_grad_(true);
  }
}

std::unique_ptr<Bert> load(const SafetensorsFile& file, const BertConfig& config,
                           std::span<const Stored> wanted) {
  auto model = std::make_unique<Bert>(config, std::nullopt);
  check_tensors(file, *model, wanted);
  read_patterns(file, *model);
  read_tensors(file, *model, wanted);
  for (const auto& matrix : model->matrices()) {
    for (const Stored& stored : wanted)
      check_masked(file, *matrix, matrix->parameter().*stored.tensor, stored.suffix);
  }
  return model;
}

// Names the first key in which two objects differ.
void check_same(const nlohmann::json& saved, const nlohmann::json& wanted, const std::string& what) {
  for (const auto& [key, value] : wanted.items()) {
    if (saved.contains(key) && saved.at(key) == value) continue;
    fail_usage(
        "the checkpoint was made with {} {} = {}, this command asks for {}; resume with the run's own "
        "options, or start a new run in another folder",
        what, key, saved.contains(key) ? saved.at(key).dump() : "none", value.dump());
  }
  for (const auto& [key, value] : saved.items()) {
    if (wanted.contains(key)) continue;
    fail_usage(
        "the checkpoint was made with {} {} = {}, this command asks for none; resume with the run's own "
        "options, or start a new run in another folder",
        what, key, value.dump());
  }
}

// Data are no option: they name themselves, and another corpus is bad data of this run.
void check_same_data(const nlohmann::json& saved, const nlohmann::json& wanted) {
  for (const char* fact : {kVocabularyHashFact, kCorpusChecksumFact}) {
    if (!wanted.contains(fact)) continue;
    const nlohmann::json made = saved.contains(fact) ? saved.at(fact) : nlohmann::json("none");
    if (made == wanted.at(fact)) continue;
    fail_data(
        "the checkpoint was made on other data: its {} is {}, that of --data is {}; resume with the run's "
        "own --data, or start a new run in another folder",
        fact, made.dump(), wanted.at(fact).dump());
  }
}

// A damaged description must not divide by zero.
void check_ranges(const BertConfig& config) {
  const int b = config.sparsity.block;
  const bool sound = config.norm_epsilon > 0 && config.norm_epsilon < 1 && sparse::is_block_shape(b) &&
                     config.sparsity.density > 0 && config.sparsity.density <= 1 &&
                     config.hidden % config.heads == 0 &&
                     (config.sparsity.storage == Storage::kDense ||
                      (config.hidden % b == 0 && config.intermediate % b == 0));
  if (!sound) fail_data("the checkpoint's description of the model is damaged: sizes that no model has");
}

std::string storage_name(Storage storage) {
  return storage == Storage::kDense ? "dense" : storage == Storage::kSparse ? "sparse" : "masked";
}

}  // namespace

std::string hash_text(std::uint64_t hash) { return fmt::format("{:016x}", hash); }

nlohmann::json to_json(const UnitScalingConfig& config) {
  return {{"constraint", scaling::constraint_name(config.constraint)},
          {"residual_share",
           config.residual_share ? nlohmann::json(*config.residual_share) : nlohmann::json("running-mean")},
          {"sequences", config.sequences},
          {"sequence", config.sequence},
          {"predictions", config.predictions}};
}

UnitScalingConfig unit_scaling_from_json(const nlohmann::json& json) {
  UnitScalingConfig config;
  const std::string constraint = json.at("constraint");
  const auto& names = scaling::constraint_names();
  const auto known = std::find_if(names.begin(), names.end(), [&](const scaling::ConstraintName& entry) {
    return entry.name == constraint;
  });
  if (known == names.end() || known->constraint == scaling::Constraint::kNone) {
    fail_data("the checkpoint's description of the model is damaged: constraint {}", constraint);
  }
  config.constraint = known->constraint;
  if (json.at("residual_share") == "running-mean") {
    config.residual_share.reset();
  } else {
    config.residual_share = json.at("residual_share").get<double>();
  }
  const auto size = [&](const char* key) {
    const nlohmann::json& value = json.at(key);
    return value.is_number_integer() ? value.get<std::int64_t>() : 0;
  };
  config.sequences = size("sequences");
  config.sequence = size("sequence");
  config.predictions = size("predictions");
  constexpr std::int64_t kMost = 1 << 30;
  const double share = config.residual_share.value_or(0.5);
  for (const std::int64_t value : {config.sequences, config.sequence, config.predictions}) {
    if (value < 1 || value > kMost || !(share > 0) || !(share < 1)) {
      fail_data("the checkpoint's description of the model is damaged: unit scaling {}", json.dump());
    }
  }
  return config;
}

nlohmann::json to_json(const BertConfig& config) {
  nlohmann::json json = {{"vocabulary", config.vocabulary},
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
  // As they are in models made before there was a choice.
  if (!config.tied) json["tied"] = false;
  if (config.unit_scaling) json["unit_scaling"] = to_json(*config.unit_scaling);
  return json;
}

BertConfig bert_config_from_json(const nlohmann::json& json) {
  // The limits are what no model of ours exceeds: a damaged description must not allocate terabytes. And
  // nlohmann-json would cut 1.9 to 1 and 2^32 + 4 to 4.
  const auto integer = [&](const char* key, std::int64_t most) {
    const nlohmann::json& value = json.at(key);
    const auto number = value.is_number_integer() ? value.get<std::int64_t>() : 0;
    if (number < 1 || number > most) {
      fail_data("the checkpoint's description of the model is damaged: {} is {}, not an integer from 1 to {}",
                key, value.dump(), most);
    }
    return number;
  };
  BertConfig config;
  try {
    config.vocabulary = integer("vocabulary", 1 << 24);
    config.layers = integer("layers", 1000);
    config.hidden = integer("hidden", 1 << 16);
    config.heads = integer("heads", config.hidden);
    config.intermediate = integer("intermediate", 1 << 20);
    config.max_positions = integer("max_positions", 1 << 20);
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
    config.tied = json.value("tied", true);
    if (json.contains("unit_scaling")) config.unit_scaling = unit_scaling_from_json(json.at("unit_scaling"));
    config.sparsity.block = static_cast<int>(integer("block", 64));
  } catch (const nlohmann::json::exception& error) {
    fail_data("the checkpoint's description of the model is damaged: {}", error.what());
  }
  check_ranges(config);
  return config;
}

std::filesystem::path write_bert_checkpoint(const std::filesystem::path& folder, std::int64_t step,
                                            const Bert& model, const SparseTraining& sparse,
                                            const nlohmann::json& facts) {
  std::vector<TensorEntry> entries;
  for (const auto& parameter : model.parameters()) {
    for (const ParameterPart& part : parameter->parts) {
      for (const Stored& stored : kStored) {
        entries.push_back(tensor_entry<float>(part.name + stored.suffix, part.shape,
                                              part_of((*parameter).*stored.tensor, part)));
      }
    }
  }
  for (const auto& matrix : model.matrices()) {
    for (std::size_t p = 0; p < matrix->patterns().size(); ++p) {
      const std::string& name = matrix->part_name(p);
      const sparse::BsrPattern& pattern = *matrix->patterns()[p];
      const PatternHistory& history = sparse.histories().at(name);
      entries.push_back(tensor_entry<std::int32_t>(name + kRowOffsets, length_of(pattern.row_offsets()),
                                                   pattern.row_offsets()));
      entries.push_back(tensor_entry<std::int32_t>(name + kColumnIndices, length_of(pattern.column_indices()),
                                                   pattern.column_indices()));
      entries.push_back(tensor_entry<std::uint8_t>(name + kEverActive, length_of(history.ever_active),
                                                   std::span<const std::uint8_t>(history.ever_active)));
      entries.push_back(tensor_entry<std::int32_t>(name + kBornLast, length_of(history.born_last),
                                                   std::span<const std::int32_t>(history.born_last)));
    }
  }
  return run::write_checkpoint(folder, kBertCheckpointKind, step, entries,
                               {{"model", to_json(model.config())}, {"facts", facts}});
}

BertTraining load_bert_training(const run::Checkpoint& checkpoint, const BertConfig& config,
                                const PatternSchedule& schedule, std::uint64_t seed,
                                const nlohmann::json& facts) {
  const nlohmann::json& state = checkpoint.state();
  check_same_data(state.value("facts", nlohmann::json::object()), facts);
  check_same(state.value("model", nlohmann::json::object()), to_json(config), "model");
  check_same(state.value("facts", nlohmann::json::object()), facts, "training");
  if (checkpoint.step() > schedule.steps) {
    fail_data("{}: it is of step {}, but the run has {} steps; resume from another checkpoint",
              checkpoint.tensors().path().string(), checkpoint.step(), schedule.steps);
  }
  BertTraining training;
  training.model = load(checkpoint.tensors(), config, kStored);
  training.sparse = std::make_unique<SparseTraining>(training.model->matrices(), schedule, seed);
  read_histories(checkpoint.tensors(), *training.model, *training.sparse);
  training.step = checkpoint.step();
  return training;
}

std::unique_ptr<Bert> load_bert(const run::Checkpoint& checkpoint) {
  return load(checkpoint.tensors(),
              bert_config_from_json(checkpoint.state().value("model", nlohmann::json::object())),
              std::span(kStored).first(1));
}

}  // namespace filigree::models
