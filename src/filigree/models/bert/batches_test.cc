#include "filigree/models/bert/validation.h"
//

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "filigree/base/error.h"
#include "filigree/base/file.h"
#include "filigree/base/test_support.h"
#include "filigree/models/bert/batches.h"
#include "filigree/models/bert/testing.h"
#include "filigree/text/corpus_writer.h"

namespace filigree::models {
namespace {

// Documents of paragraphs of the given numbers of tokens; token k of the corpus is a word or a continuation.
std::filesystem::path write_corpus(const std::filesystem::path& folder, const text::Vocabulary& vocabulary,
                                   const std::vector<std::vector<int>>& documents) {
  const auto path = folder / "test.corpus";
  text::CorpusWriter writer(path, vocabulary);
  Philox random(9, Purpose::kTest, 0);
  for (const auto& document : documents) {
    for (const int length : document) {
      std::vector<std::int32_t> tokens;
      for (int i = 0; i < length; ++i) {
        const bool word = i == 0 || random.below(3) != 0;
        tokens.push_back(static_cast<std::int32_t>(word ? 5 + random.below(40) : 45 + random.below(15)));
      }
      writer.add_paragraph(tokens);
    }
    writer.end_document();
  }
  writer.commit();
  return path;
}

TEST(Windows, CoverTheCorpusWithoutCrossingDocuments) {
  const auto vocabulary = testing::small_vocabulary();
  test::TemporaryFolder folder;
  const text::Corpus corpus(
      write_corpus(folder.path(), vocabulary, {{5, 7, 3, 100, 9}, {2}, {30, 30, 30}, {1, 1, 1, 1, 1, 1}}));
  const auto windows = cut_windows(corpus, vocabulary, 20);
  std::uint64_t covered = 0;
  std::uint64_t last_end = 0;
  for (const Window& window : windows) {
    EXPECT_LE(window.length, 20U);
    EXPECT_GE(window.length, 4U);
    EXPECT_GE(window.begin, last_end);
    last_end = window.begin + window.length;
    covered += window.length;
    const auto first = corpus.paragraph_begin(corpus.document_begin(window.document));
    const auto last = corpus.paragraph_begin(corpus.document_begin(window.document + 1));
    EXPECT_GE(window.begin, first);
    EXPECT_LE(last_end, last);
    // No window starts inside a word.
    std::int32_t token = 0;
    corpus.copy_tokens(window.begin, 1, &token);
    EXPECT_FALSE(vocabulary.is_continuation(token));
  }
  EXPECT_GE(covered + 2 + 3 * 4,
            corpus.token_count());  // the document of 2 and at most a few short tails are left out
}

TEST(Batches, EachPassVisitsEverySequenceOnceInANewOrderWithNewMasks) {
  const auto vocabulary = testing::small_vocabulary();
  test::TemporaryFolder folder;
  const text::Corpus corpus(
      write_corpus(folder.path(), vocabulary, {std::vector<int>(40, 15), std::vector<int>(40, 15)}));
  Batches batches(corpus, vocabulary, 18, false, {}, 1);
  const std::int64_t count = batches.sequences();
  ASSERT_GT(count, 20);
  const MlmBatch first = batches.training(0, count);
  const MlmBatch second = batches.training(1, count);
  const auto restored = [](const MlmBatch& batch) {
    std::vector<std::int32_t> ids = batch.ids;
    for (std::size_t i = 0; i < batch.positions.size(); ++i) {
      ids[static_cast<std::size_t>(batch.positions[i])] = static_cast<std::int32_t>(batch.labels[i]);
    }
    std::multiset<std::vector<std::int32_t>> sequences;
    for (std::int64_t b = 0; b < batch.batch; ++b) {
      sequences.emplace(ids.begin() + b * batch.sequence, ids.begin() + (b + 1) * batch.sequence);
    }
    return sequences;
  };
  EXPECT_EQ(restored(first), restored(second));
  EXPECT_NE(first.ids, second.ids);
  EXPECT_NE(first.positions, second.positions);
  // A batch is a function of its number: in any order, across passes.
  Batches again(corpus, vocabulary, 18, false, {}, 1);
  (void)again.training(3, 7);
  EXPECT_EQ(again.training(1, count).ids, second.ids);
  // Validation never changes, visits all once and then ends.
  EXPECT_EQ(batches.validation(0, 8).ids, again.validation(0, 8).ids);
  std::int64_t seen = 0;
  for (std::int64_t i = 0; i * 8 < count; ++i) seen += batches.validation(i, 8).batch;
  EXPECT_EQ(seen, count);
  EXPECT_EQ(batches.validation((count + 7) / 8, 8).batch, 0);
}

TEST(Batches, NextSentenceHasTwoSegmentsAndHalfRandomSeconds) {
  const auto vocabulary = testing::small_vocabulary();
  test::TemporaryFolder folder;
  const text::Corpus corpus(
      write_corpus(folder.path(), vocabulary, {std::vector<int>(200, 15), std::vector<int>(200, 15)}));
  Batches batches(corpus, vocabulary, 18, true, {}, 1);
  const MlmBatch batch = batches.training(0, batches.sequences());
  std::int64_t random = 0;
  for (std::int64_t b = 0; b < batch.batch; ++b) {
    const auto* ids = batch.ids.data() + b * 18;
    const auto* types = batch.type_ids.data() + b * 18;
    const std::int32_t length = batch.lengths[static_cast<std::size_t>(b)];
    EXPECT_EQ(ids[0], vocabulary.classify_id());
    EXPECT_EQ(ids[length - 1], vocabulary.separator_id());
    EXPECT_EQ(std::count(ids, ids + length, vocabulary.separator_id()), 2);
    EXPECT_TRUE(std::is_sorted(types, types + length));
    EXPECT_EQ(types[0], 0);
    EXPECT_EQ(types[length - 1], 1);
    random += batch.next_labels[static_cast<std::size_t>(b)];
  }
  EXPECT_NEAR(static_cast<double>(random) / static_cast<double>(batch.batch), 0.5, 0.15);
}

TEST(Validate, AModelThatIsBrokenFails) {
  const auto vocabulary = testing::small_vocabulary();
  test::TemporaryFolder folder;
  const text::Corpus corpus(write_corpus(folder.path(), vocabulary, {std::vector<int>(40, 15)}));
  const Batches batches(corpus, vocabulary, 16, false, {}, 1);
  const Bert model(testing::small_config(), 1);
  const auto sound = validate(model, batches, 8, 2, 12);
  ASSERT_TRUE(sound.has_value());
  EXPECT_EQ(sound->step, 12);
  EXPECT_NEAR(sound->mlm_loss, std::log(60.0), 0.5);
  {
    const at::NoGradGuard no_grad;
    model.parameters()[0].value.fill_(NAN);
  }
  try {
    (void)validate(model, batches, 8, 2, 12);
    ADD_FAILURE() << "a broken model was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kFailed);
    EXPECT_NE(std::string(error.what()).find("held-out loss is nan at step 12"), std::string::npos)
        << error.what();
  }
}

TEST(Batches, RefusesAnotherVocabulary) {
  const auto vocabulary = testing::small_vocabulary();
  test::TemporaryFolder folder;
  const text::Corpus corpus(write_corpus(folder.path(), vocabulary, {{20}}));
  const text::Vocabulary other({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"});
  EXPECT_THROW(Batches(corpus, other, 18, false, {}, 1), Error);
}

}  // namespace
}  // namespace filigree::models
