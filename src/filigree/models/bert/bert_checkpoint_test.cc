#include "filigree/models/bert/bert_checkpoint.h"
//
#include <gtest/gtest.h>

#include <algorithm>

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

// Writes the training's checkpoint, reads it into a second one and gives the error.
std::string error_of_reading(const Training& written, const Training& read) {
  test::TemporaryFolder folder;
  const auto path = write_bert_checkpoint(folder.path(), 1, *written.model, *written.sparse, {});
  const run::Checkpoint checkpoint(path, kBertCheckpointKind);
  try {
    read_bert_training(checkpoint, *read.model, *read.sparse, {});
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kBadData);
    return error.what();
  }
  return "";
}

TEST(BertCheckpoint, RefusesAHistoryThatIsNotThePatterns) {
  const Training good(Storage::kSparse, 1);
  const auto& [name, history] = *good.sparse->histories().begin();
  EXPECT_EQ(error_of_reading(good, Training(Storage::kSparse, 2)), "");
  const auto first = std::find(history.ever_active.begin(), history.ever_active.end(), 0);
  const auto empty_place = static_cast<std::int32_t>(first - history.ever_active.begin());

  Training born_elsewhere(Storage::kSparse, 1);
  born_elsewhere.sparse->histories().at(name).born_last = {empty_place};
  EXPECT_NE(error_of_reading(born_elsewhere, good).find(name), std::string::npos);
  Training never_active(Storage::kSparse, 1);
  auto& active = never_active.sparse->histories().at(name).ever_active;
  std::fill(active.begin(), active.end(), 0);
  EXPECT_NE(error_of_reading(never_active, good).find(name), std::string::npos);
}

TEST(BertCheckpoint, RefusesValuesBehindTheMask) {
  const Training good(Storage::kMasked, 1);
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
    EXPECT_NE(error_of_reading(bad, good).find(matrix.part_name(1)), std::string::npos);
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
