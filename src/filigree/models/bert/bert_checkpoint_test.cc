#include "filigree/models/bert/bert_checkpoint.h"
//
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "filigree/base/error.h"
#include "filigree/base/file.h"
#include "filigree/base/test_support.h"
#include "filigree/models/bert/testing.h"
#include "filigree/models/bert/train_step.h"

namespace filigree::models {
namespace {

constexpr PatternSchedule kSchedule{1000, 30, 0.5};

struct Training {
  explicit Training(Storage storage, std::uint64_t seed, int block = 4, bool unit_scaled = false) {
    BertConfig config = testing::small_config();
    if (storage != Storage::kDense) config.sparsity = {storage, 0.3, block};
    if (unit_scaled) {
      config.unit_scaling = UnitScalingConfig{.sequences = 4, .sequence = 16, .predictions = 12};
      config.precision = nn::Precision::kFp8;
    }
    model = std::make_unique<Bert>(config, seed);
    sparse = std::make_unique<SparseTraining>(model->matrices(), kSchedule, seed);
  }
  explicit Training(BertTraining loaded) : model(std::move(loaded.model)), sparse(std::move(loaded.sparse)) {}
  void run(std::int64_t from, std::int64_t to) {
    for (std::int64_t step = from; step <= to; ++step) {
      train_step(*model, testing::small_batch(4, static_cast<std::uint64_t>(step)), 2, {}, 1e-3, step);
      if (sparse->moves() && step % 5 == 0) sparse->update(step);
    }
  }
  std::unique_ptr<Bert> model;
  std::unique_ptr<SparseTraining> sparse;
};

struct Kind {
  Storage storage;
  int block = 4;
  bool unit_scaled = false;
};

TEST(BertCheckpoint, ResumesToTheSameBytes) {
  for (const Kind kind :
       {Kind{Storage::kDense}, Kind{Storage::kSparse}, Kind{Storage::kMasked}, Kind{Storage::kSparse, 2},
        Kind{Storage::kSparse, 32}, Kind{Storage::kDense, 4, true}, Kind{Storage::kSparse, 8, true}}) {
    test::TemporaryFolder folder;
    const nlohmann::json facts = {{"seed", 1}};
    Training straight(kind.storage, 1, kind.block, kind.unit_scaled);
    straight.run(1, 7);
    const auto half = write_bert_checkpoint(folder.path(), 7, *straight.model, *straight.sparse, facts);
    const run::Checkpoint checkpoint(half, kBertCheckpointKind);
    BertTraining loaded = load_bert_training(checkpoint, straight.model->config(), kSchedule, 1, facts);
    EXPECT_EQ(loaded.step, 7);
    // And a predictor finds its sizes and factors in the file alone.
    const MlmBatch batch = testing::small_batch(2, 99);
    const auto predictor = load_bert(checkpoint);
    const Tensor difference = predictor->predict(batch) - loaded.model->predict(batch);
    EXPECT_LT(difference.abs().max().item<float>(), kind.unit_scaled ? 0.5 : 1e-6);  // FP32 beside FP8
    Training resumed(std::move(loaded));
    straight.run(8, 12);
    resumed.run(8, 12);
    const auto end = write_bert_checkpoint(folder.path(), 12, *straight.model, *straight.sparse, facts);
    const std::string expected = read_file(end);
    std::filesystem::remove(end);
    EXPECT_EQ(read_file(write_bert_checkpoint(folder.path(), 12, *resumed.model, *resumed.sparse, facts)),
              expected);
  }
}

TEST(BertCheckpoint, RefusesAnotherModelOrOtherFacts) {
  test::TemporaryFolder folder;
  Training training(Storage::kSparse, 1);
  const auto path =
      write_bert_checkpoint(folder.path(), 1, *training.model, *training.sparse, {{"batch", 4}});
  const run::Checkpoint checkpoint(path, kBertCheckpointKind);
  const auto load = [&](const BertConfig& config, const nlohmann::json& facts) {
    (void)load_bert_training(checkpoint, config, kSchedule, 1, facts);
  };
  EXPECT_NO_THROW(load(training.model->config(), {{"batch", 4}}));
  EXPECT_THROW(load(training.model->config(), {{"batch", 8}}), Error);
  EXPECT_THROW(load(testing::small_config(), {{"batch", 4}}), Error);
}

TEST(BertCheckpoint, OtherDataAreBadData) {
  test::TemporaryFolder folder;
  Training training(Storage::kSparse, 1);
  for (const char* fact : {kVocabularyHashFact, kCorpusChecksumFact}) {
    const auto path =
        write_bert_checkpoint(folder.path(), 1, *training.model, *training.sparse, {{fact, hash_text(1)}});
    const run::Checkpoint checkpoint(path, kBertCheckpointKind);
    // Another vocabulary mostly is of another size too.
    const std::string error = test::error_of(ExitCode::kBadData, [&] {
      (void)load_bert_training(checkpoint, testing::small_config(), kSchedule, 1, {{fact, hash_text(2)}});
    });
    EXPECT_TRUE(test::contains(error, fact) && test::contains(error, "--data")) << error;
  }
}

TEST(BertCheckpoint, RefusesAStepBehindTheLast) {
  test::TemporaryFolder folder;
  Training training(Storage::kSparse, 1);
  const auto load = [&](std::int64_t step) {
    const auto path = write_bert_checkpoint(folder.path(), step, *training.model, *training.sparse, {});
    const run::Checkpoint checkpoint(path, kBertCheckpointKind);
    (void)load_bert_training(checkpoint, training.model->config(), kSchedule, 1, {});
  };
  EXPECT_NO_THROW(load(kSchedule.steps));
  const std::string error = test::error_of(ExitCode::kBadData, [&] { load(kSchedule.steps + 1); });
  EXPECT_TRUE(test::contains(error, "of step 1001, but the run has 1000 steps")) << error;
}

// Writes the training's checkpoint, reads it and gives the error.
std::string error_of_reading(const Training& written) {
  test::TemporaryFolder folder;
  const auto path = write_bert_checkpoint(folder.path(), 1, *written.model, *written.sparse, {});
  const run::Checkpoint checkpoint(path, kBertCheckpointKind);
  try {
    (void)load_bert_training(checkpoint, written.model->config(), kSchedule, 1, {});
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kBadData);
    return error.what();
  }
  return "";
}

TEST(BertCheckpoint, RefusesAHistoryThatIsNotThePatterns) {
  const Training good(Storage::kSparse, 1);
  const auto& [name, history] = *good.sparse->histories().begin();
  EXPECT_EQ(error_of_reading(good), "");
  const auto first = std::find(history.ever_active.begin(), history.ever_active.end(), 0);
  const auto empty_place = static_cast<std::int32_t>(first - history.ever_active.begin());

  Training born_elsewhere(Storage::kSparse, 1);
  born_elsewhere.sparse->histories().at(name).born_last = {empty_place};
  EXPECT_NE(error_of_reading(born_elsewhere).find(name), std::string::npos);
  Training never_active(Storage::kSparse, 1);
  auto& active = never_active.sparse->histories().at(name).ever_active;
  std::fill(active.begin(), active.end(), 0);
  EXPECT_NE(error_of_reading(never_active).find(name), std::string::npos);
}

TEST(BertCheckpoint, RefusesValuesBehindTheMask) {
  for (int which = 0; which < 3; ++which) {
    const Training bad(Storage::kMasked, 1);
    const EncoderMatrix& matrix = *bad.model->matrices().front();
    EXPECT_EQ(matrix.first_part_beyond_mask(matrix.parameter().value), std::nullopt);
    const Tensor tensor = which == 0   ? matrix.parameter().value
                          : which == 1 ? matrix.parameter().first_moment
                                       : matrix.parameter().second_moment;
    // The second part's first element that is zero: a random value is never exactly that.
    const at::NoGradGuard no_grad;
    const Tensor part = matrix.parameter().value.slice(0, matrix.out(), 2 * matrix.out());
    const auto place = part.eq(0).nonzero()[0];
    tensor.slice(0, matrix.out(), 2 * matrix.out())
        .index_put_({place[0], place[1]}, at::full({}, 1e-30F, at::kFloat));
    EXPECT_EQ(matrix.first_part_beyond_mask(tensor), std::optional<std::size_t>(1));
    EXPECT_NE(error_of_reading(bad).find(matrix.part_name(1)), std::string::npos);
  }
}

// Of this process, in MiB, since reset_peak().
double peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
  }
  return 0;
}
void reset_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

// A description of 200 million weights in a file of 0.3 MB that holds the first, the last and little between.
TEST(BertCheckpoint, TakesNoMemoryForAModelThatTheFileDoesNotHold) {
  test::TemporaryFolder folder;
  BertConfig config = testing::small_config();
  config.layers = 16;
  config.hidden = 1024;
  config.heads = 16;
  config.intermediate = 4096;
  const std::vector<float> zeros(64 * 1024);
  std::vector<TensorEntry> tensors;
  const auto add = [&](const std::string& name, std::vector<std::int64_t> shape) {
    std::size_t count = 1;
    for (const std::int64_t size : shape) count *= static_cast<std::size_t>(size);
    tensors.push_back(tensor_entry<float>(name, std::move(shape), std::span(zeros).first(count)));
  };
  add("bert.embeddings.word_embeddings.weight", {config.vocabulary, config.hidden});
  add("bert.embeddings.position_embeddings.weight", {config.max_positions, config.hidden});
  add("bert.encoder.layer.15.intermediate.dense.bias", {config.intermediate});
  const auto path = run::write_checkpoint(folder.path(), kBertCheckpointKind, 1, tensors,
                                          {{"model", to_json(config)}, {"facts", nlohmann::json::object()}});
  const run::Checkpoint checkpoint(path, kBertCheckpointKind);
  reset_peak();
  const double before = peak_memory();
  ASSERT_GT(before, 0);
  try {
    (void)load_bert(checkpoint);
    ADD_FAILURE() << "it was loaded";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kBadData);
    EXPECT_NE(std::string(error.what()).find("token_type_embeddings"), std::string::npos) << error.what();
  }
  EXPECT_LT(peak_memory() - before, 20);
}

TEST(BertCheckpoint, APredictorHasNoTrainingState) {
  for (const Storage storage : {Storage::kDense, Storage::kSparse, Storage::kMasked}) {
    test::TemporaryFolder folder;
    Training training(storage, 1);
    training.run(1, 6);
    const auto path = write_bert_checkpoint(folder.path(), 6, *training.model, *training.sparse, {});
    const auto model = load_bert(run::Checkpoint(path, kBertCheckpointKind));
    for (const auto& parameter : model->parameters()) {
      EXPECT_FALSE(parameter->first_moment.defined() || parameter->second_moment.defined());
    }
    const MlmBatch batch = testing::small_batch(4, 0);
    EXPECT_TRUE(at::equal(model->predict(batch), training.model->predict(batch)));
  }
}

// Left for loading, it draws nothing and takes nothing.
TEST(Bert, WithoutASeedIsNamesAndShapes) {
  for (const Storage storage : {Storage::kDense, Storage::kSparse, Storage::kMasked}) {
    BertConfig config = testing::small_config();
    config.next_sentence = true;
    if (storage != Storage::kDense) config.sparsity = {storage, 0.3, 4};
    const Bert drawn(config, 1);
    const Bert shapes(config, std::nullopt);
    ASSERT_EQ(shapes.parameters().size(), drawn.parameters().size());
    for (std::size_t i = 0; i < shapes.parameters().size(); ++i) {
      const Parameter& parameter = shapes.parameters()[i];
      EXPECT_TRUE(parameter.value.is_meta());
      EXPECT_FALSE(parameter.first_moment.defined());
      EXPECT_EQ(parameter.value.sizes(), drawn.parameters()[i].value.sizes());
      ASSERT_EQ(parameter.parts.size(), drawn.parameters()[i].parts.size());
      for (std::size_t p = 0; p < parameter.parts.size(); ++p) {
        EXPECT_EQ(parameter.parts[p].name, drawn.parameters()[i].parts[p].name);
        EXPECT_EQ(parameter.parts[p].offset, drawn.parameters()[i].parts[p].offset);
        EXPECT_EQ(parameter.parts[p].shape, drawn.parameters()[i].parts[p].shape);
      }
    }
    for (const auto& matrix : shapes.matrices()) EXPECT_TRUE(matrix->patterns().empty());
  }
}

TEST(BertCheckpoint, ConfigGoesThroughJson) {
  BertConfig config = testing::small_config();
  config.norm = NormPlacement::kPre;
  config.sparsity = {Storage::kSparse, 0.125, 8};
  EXPECT_EQ(to_json(bert_config_from_json(to_json(config))), to_json(config));
  EXPECT_THROW(bert_config_from_json({{"layers", 2}}), Error);
  // Descriptions that would divide by zero, allocate terabytes or silently mean something else.
  const nlohmann::json good = to_json(config);
  const std::vector<std::pair<const char*, nlohmann::json>> bad = {
      {"heads", 0},          {"heads", -1},
      {"layers", 0},         {"hidden", 1LL << 40},
      {"block", 0},          {"block", 5},
      {"density", 0},        {"norm_epsilon", -1.0},
      {"storage", "other"},  {"norm", "middle"},
      {"vocabulary", 0},     {"intermediate", 0},
      {"max_positions", -4}, {"hidden", "wide"},
      {"layers", 100000000}, {"layers", 1.9},
      {"layers", 2.0},       {"block", 4294967300},
      {"heads", true},       {"vocabulary", std::numeric_limits<std::uint64_t>::max()}};
  for (const auto& [key, value] : bad) {
    nlohmann::json damaged = good;
    damaged[key] = value;
    try {
      bert_config_from_json(damaged);
      ADD_FAILURE() << key << " = " << value;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kBadData) << key;
    }
  }
}

TEST(BertCheckpoint, UnitScalingGoesThroughJson) {
  BertConfig config = testing::small_config();
  config.tied = false;
  config.unit_scaling = UnitScalingConfig{.constraint = scaling::Constraint::kOutput,
                                          .residual_share = std::nullopt,
                                          .sequences = 5,
                                          .sequence = 16,
                                          .predictions = 7};
  const nlohmann::json good = to_json(config);
  const BertConfig back = bert_config_from_json(good);
  EXPECT_EQ(to_json(back), good);
  EXPECT_FALSE(back.tied);
  ASSERT_TRUE(back.unit_scaling.has_value());
  EXPECT_FALSE(back.unit_scaling->residual_share.has_value());
  const std::vector<std::pair<const char*, nlohmann::json>> bad = {
      {"constraint", "none"},  {"constraint", "other"}, {"constraint", 1}, {"residual_share", 0},
      {"residual_share", 1.5}, {"residual_share", "x"}, {"sequences", 0},  {"sequence", -1},
      {"predictions", 1e300},  {"predictions", "many"}};
  for (const auto& [key, value] : bad) {
    nlohmann::json damaged = good;
    damaged["unit_scaling"][key] = value;
    try {
      bert_config_from_json(damaged);
      ADD_FAILURE() << key << " = " << value;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kBadData) << key;
    }
  }
  // A model that is unit-scaled is none that is not, and the other way.
  BertConfig plain = config;
  plain.unit_scaling.reset();
  EXPECT_NE(to_json(plain), good);
}

}  // namespace
}  // namespace filigree::models
