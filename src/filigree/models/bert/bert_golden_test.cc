// A checkpoint written by an earlier build: it must be readable for ever, and say what it said.
// FILIGREE_TEST_WRITE_GOLDEN=1 writes it anew, for a new version of the format.
#include "filigree/models/bert/bert_checkpoint.h"
//
#include <gtest/gtest.h>

#include <cstdlib>

#include "filigree/base/file.h"
#include "filigree/base/test_support.h"

namespace filigree::models {
namespace {

constexpr PatternSchedule kSchedule{100, 2, 0.5};
constexpr std::uint64_t kSeed = 7;
constexpr std::int64_t kStep = 33;

const nlohmann::json& facts() {
  static const nlohmann::json facts = {{"seed", kSeed}, {"lr", 0.1}, {"corpus-checksum", "0123456789abcdef"}};
  return facts;
}

// First values, moments that follow from them, and a pattern that has moved once. Nothing is trained: what
// the products round to differs between machines.
BertTraining state() {
  BertConfig config;
  config.vocabulary = 6;
  config.layers = 1;
  config.hidden = 8;
  config.heads = 2;
  config.intermediate = 16;
  config.max_positions = 8;
  config.norm = NormPlacement::kPre;
  config.sparsity = {Storage::kSparse, 0.5, 4};
  BertTraining training;
  training.model = std::make_unique<Bert>(config, kSeed);
  training.sparse = std::make_unique<SparseTraining>(training.model->matrices(), kSchedule, kSeed);
  const at::NoGradGuard no_grad;
  for (const auto& parameter : training.model->parameters()) {
    parameter->first_moment.copy_(parameter->value * 0.5);
    parameter->second_moment.copy_(parameter->value * parameter->value);
  }
  training.sparse->update(kStep);
  return training;
}

TEST(BertGolden, IsReadAndWrittenAsItWas) {
  const test::TemporaryFolder folder;
  const BertTraining fresh = state();
  if (std::getenv("FILIGREE_TEST_WRITE_GOLDEN") != nullptr) {
    const auto path = write_bert_checkpoint(folder.path(), kStep, *fresh.model, *fresh.sparse, facts());
    std::filesystem::copy(path, FILIGREE_GOLDEN_BERT, std::filesystem::copy_options::overwrite_existing);
  }
  const run::Checkpoint golden(FILIGREE_GOLDEN_BERT, kBertCheckpointKind);
  const BertTraining read = load_bert_training(golden, fresh.model->config(), kSchedule, kSeed, facts());
  EXPECT_EQ(read.step, kStep);

  // Near and not equal: another machine's cosine may differ in the last bit.
  for (std::size_t i = 0; i < fresh.model->parameters().size(); ++i) {
    const Parameter& a = read.model->parameters()[i];
    const Parameter& b = fresh.model->parameters()[i];
    EXPECT_TRUE(at::allclose(a.value, b.value, 1e-6, 0)) << b.part_name(0);
    EXPECT_TRUE(at::allclose(a.first_moment, b.first_moment, 1e-6, 0)) << b.part_name(0);
    EXPECT_TRUE(at::allclose(a.second_moment, b.second_moment, 1e-6, 0)) << b.part_name(0);
  }
  for (std::size_t m = 0; m < fresh.model->matrices().size(); ++m) {
    const EncoderMatrix& a = *read.model->matrices()[m];
    const EncoderMatrix& b = *fresh.model->matrices()[m];
    for (std::size_t p = 0; p < b.part_count(); ++p) {
      EXPECT_TRUE(*a.patterns()[p] == *b.patterns()[p]);
      const PatternHistory& history = read.sparse->histories().at(b.part_name(p));
      const PatternHistory& expected = fresh.sparse->histories().at(b.part_name(p));
      EXPECT_EQ(history.ever_active, expected.ever_active);
      EXPECT_EQ(history.born_last, expected.born_last);
      EXPECT_FALSE(history.born_last.empty());
    }
  }

  const auto again = write_bert_checkpoint(folder.path(), kStep, *read.model, *read.sparse, facts());
  EXPECT_TRUE(read_file(again) == read_file(FILIGREE_GOLDEN_BERT));
}

}  // namespace
}  // namespace filigree::models
