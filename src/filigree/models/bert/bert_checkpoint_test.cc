#include "filigree/models/bert/bert_checkpoint.h"
//
#include <gtest/gtest.h>

#include "filigree/base/error.h"
#include "filigree/base/file.h"
#include "filigree/base/test_support.h"
#include "filigree/models/bert/testing.h"
#include "filigree/models/bert/train_step.h"

namespace filigree::models {
namespace {

struct Training {
  explicit Training(Storage storage, std::uint64_t seed) {
    BertConfig config = testing::small_config();
    if (storage != Storage::kDense) config.sparsity = {storage, 0.3, 4};
    model = std::make_unique<Bert>(config, seed);
    sparse = std::make_unique<SparseTraining>(model->matrices(), PatternSchedule{1000, 30, 0.5}, seed);
  }
  void run(std::int64_t from, std::int64_t to) {
    for (std::int64_t step = from; step <= to; ++step) {
      train_step(*model, testing::small_batch(4, static_cast<std::uint64_t>(step)), 2, {}, 1e-3, step);
      if (sparse->moves() && step % 5 == 0) sparse->update(step);
    }
  }
  std::unique_ptr<Bert> model;
  std::unique_ptr<SparseTraining> sparse;
};

TEST(BertCheckpoint, ResumesToTheSameBytes) {
  for (const Storage storage : {Storage::kDense, Storage::kSparse, Storage::kMasked}) {
    test::TemporaryFolder folder;
    const nlohmann::json facts = {{"seed", 1}};
    Training straight(storage, 1);
    straight.run(1, 7);
    const auto half = write_bert_checkpoint(folder.path(), 7, *straight.model, *straight.sparse, facts);
    Training resumed(storage, 1);
    const run::Checkpoint checkpoint(half, kBertCheckpointKind);
    EXPECT_EQ(read_bert_training(checkpoint, *resumed.model, *resumed.sparse, facts), 7);
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
  EXPECT_THROW(read_bert_training(checkpoint, *training.model, *training.sparse, {{"batch", 8}}), Error);
  Training dense(Storage::kDense, 1);
  EXPECT_THROW(read_bert_training(checkpoint, *dense.model, *dense.sparse, {{"batch", 4}}), Error);
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
      {"heads", 0},          {"heads", -1},      {"layers", 0},        {"hidden", 1LL << 40},
      {"block", 0},          {"block", 5},       {"density", 0},       {"norm_epsilon", -1.0},
      {"storage", "other"},  {"norm", "middle"}, {"vocabulary", 0},    {"intermediate", 0},
      {"max_positions", -4}, {"hidden", "wide"}, {"layers", 100000000}};
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

}  // namespace
}  // namespace filigree::models
