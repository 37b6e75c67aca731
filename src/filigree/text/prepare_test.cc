#include "filigree/text/prepare.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <map>

#include "filigree/base/file.h"
#include "filigree/base/interrupt.h"
#include "filigree/base/parallel.h"
#include "filigree/base/philox.h"
#include "filigree/base/test_support.h"
#include "filigree/text/corpus.h"
#include "filigree/text/tokenizer_config.h"
#include "filigree/text/vocabulary_trainer.h"
#include "filigree/text/wordpiece.h"

namespace filigree::text {
namespace {

using test::contains;
using test::error_of;
using test::TemporaryFolder;

// English-like text of several batches: words of a random lexicon, documents of 1 to 20 paragraphs.
std::string made_up_text(std::size_t bytes) {
  Philox random(4, Purpose::kTest);
  std::vector<std::string> lexicon(2000);
  for (std::string& word : lexicon) {
    for (std::uint64_t n = 1 + random.below(9); n > 0; --n) word += static_cast<char>('a' + random.below(26));
  }
  std::string text;
  while (text.size() < bytes) {
    for (std::uint64_t paragraphs = 1 + random.below(20); paragraphs > 0; --paragraphs) {
      for (std::uint64_t words = 1 + random.below(60); words > 0; --words) {
        text += lexicon[std::min(random.below(2000), random.below(2000))];
        text += random.below(10) == 0 ? ", " : " ";
      }
      text += "\u00C9nd.\n";
    }
    text += "\n";
  }
  return text;
}

std::vector<std::vector<std::int32_t>> paragraphs_of(const std::filesystem::path& path) {
  const Corpus corpus(path);
  std::vector<std::vector<std::int32_t>> result;
  for (std::uint64_t p = 0; p < corpus.paragraph_count(); ++p) {
    result.emplace_back(corpus.paragraph_begin(p + 1) - corpus.paragraph_begin(p));
    corpus.copy_tokens(corpus.paragraph_begin(p), result.back().size(), result.back().data());
  }
  return result;
}

class PrepareTest : public ::testing::Test {
 protected:
  PrepareOptions options(const std::vector<std::filesystem::path>& inputs) const {
    PrepareOptions result;
    result.inputs = inputs;
    result.output = folder_ / "out";
    result.vocabulary_size = 200;
    return result;
  }
  // Content of each file of the output folder by name.
  std::map<std::string, std::string> output() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "out")) {
      files[entry.path().filename().string()] = read_file(entry.path());
    }
    return files;
  }
  void TearDown() override { set_thread_count(0); }

  TemporaryFolder folder_;
};

TEST_F(PrepareTest, WritesWhatTheTokenizerGives) {
  const auto input = folder_.write("a.txt", "One two.\nThree\n\n\x01\nfour five\n");
  PrepareOptions job = options({input});
  job.valid_share = 0;
  const PrepareSummary summary = prepare(job);
  const WordPieceTokenizer tokenizer = WordPieceTokenizer::load(job.output);
  const Corpus corpus(job.output / kTrainCorpusFile);
  corpus.check_vocabulary(tokenizer.vocabulary());
  using Paragraphs = std::vector<std::vector<std::int32_t>>;
  EXPECT_EQ(
      paragraphs_of(job.output / kTrainCorpusFile),
      (Paragraphs{tokenizer.encode("One two."), tokenizer.encode("Three"), tokenizer.encode("four five")}));
  EXPECT_EQ(corpus.document_count(), 2U);
  EXPECT_EQ(corpus.document_begin(1), 2U);
  EXPECT_EQ(summary.train.tokens, corpus.token_count());
  EXPECT_EQ(summary.train.documents, 2U);
  EXPECT_EQ(summary.train.unigram_entropy, corpus.unigram_entropy());
  EXPECT_EQ(summary.train.unknown_tokens, 0U);
  EXPECT_EQ(summary.pieces, tokenizer.vocabulary().size());
  EXPECT_EQ(summary.text_bytes, 23U);
  EXPECT_FALSE(output().contains(kValidCorpusFile));
}

TEST_F(PrepareTest, AnOutputAmongItsInputsIsRefused) {
  std::filesystem::create_directories(folder_ / "text");
  folder_.write("text/a.txt", made_up_text(10000));
  for (const char* output : {"text", "text/out", "text/../text/deep/out"}) {
    PrepareOptions job = options({folder_ / "text"});
    job.output = folder_ / output;
    EXPECT_TRUE(contains(error_of(ExitCode::kUsage, [&] { prepare(job); }), "name another folder")) << output;
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_ / "text"), {}), 1);
  }
  PrepareOptions beside = options({folder_ / "text"});
  beside.output = folder_ / "text-out";
  EXPECT_GT(prepare(beside).train.tokens, 0U);
}

// Words that are rare when room runs out are forgotten; the frequent ones decide the vocabulary all the same.
TEST_F(PrepareTest, MoreWordsThanItCountsDropsTheRarest) {
  std::string text;
  for (int i = 0; i < 400'000; ++i) text += fmt::format("common x{}\n", i);
  PrepareOptions job = options({folder_.write("a.txt", text)});
  job.most_words = 10'000;
  job.valid_share = 0;
  ::testing::internal::CaptureStderr();
  prepare(job);
  const std::string talk = ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(contains(talk, "more than 10000 different words")) << talk;
  const Vocabulary vocabulary = Vocabulary::load(job.output / kVocabularyFile);
  EXPECT_TRUE(vocabulary.find("common").has_value());
}

TEST_F(PrepareTest, ALongLearningCanBeStopped) {
  WordTable words;
  for (const char* word : {"one", "two", "three", "fourteen", "fifteen", "sixteen", "seventeen"})
    words.add(word, 9);
  std::size_t reported = 0;
  VocabularyTrainerOptions learning;
  learning.progress = [&](std::size_t pieces) {
    reported = pieces;
    throw Error("stop", ExitCode::kInterrupted);
  };
  learning.vocabulary_size = 2000;
  std::string word;
  for (int i = 0; i < 26 * 26; ++i) {
    word = {static_cast<char>('a' + i % 26), static_cast<char>('a' + i / 26), 'q', 'z', 'e'};
    words.add(word, 5);
  }
  EXPECT_THROW(train_vocabulary(words, learning), Error);
  EXPECT_EQ(reported % 64, 0U);
}

TEST_F(PrepareTest, SameBytesForAnyNumberOfThreads) {
  PrepareOptions job = options({folder_.write("a.txt", made_up_text(3000000))});
  std::map<std::string, std::string> first;
  for (const int threads : {1, 2, 5}) {
    set_thread_count(threads);
    prepare(job);
    if (first.empty()) first = output();
    EXPECT_EQ(first.size(), 4U);
    EXPECT_EQ(output(), first) << threads;
  }
  job.seed = 2;
  prepare(job);
  EXPECT_NE(output().at(kValidCorpusFile), first.at(kValidCorpusFile));
}

TEST_F(PrepareTest, AShareIsHeldOutAndNothingIsLost) {
  const auto input = folder_.write("a.txt", made_up_text(1500000));
  PrepareOptions job = options({input});
  job.valid_share = 0;
  const PrepareSummary whole = prepare(job);
  job.vocabulary = folder_.write("vocab.txt", read_file(job.output / kVocabularyFile));
  auto all = paragraphs_of(job.output / kTrainCorpusFile);
  job.valid_share = 0.2;
  for (const HeldOutUnit unit : {HeldOutUnit::kDocument, HeldOutUnit::kParagraph}) {
    job.valid_unit = unit;
    const PrepareSummary parts = prepare(job);
    EXPECT_EQ(parts.train.tokens + parts.valid.tokens, whole.train.tokens);
    EXPECT_NEAR(static_cast<double>(parts.valid.paragraphs) / static_cast<double>(whole.train.paragraphs),
                0.2, 0.03);
    if (unit == HeldOutUnit::kDocument) {
      EXPECT_EQ(parts.train.documents + parts.valid.documents, whole.train.documents);
    }
    auto found = paragraphs_of(job.output / kTrainCorpusFile);
    const auto held_out = paragraphs_of(job.output / kValidCorpusFile);
    found.insert(found.end(), held_out.begin(), held_out.end());
    std::sort(found.begin(), found.end());
    std::sort(all.begin(), all.end());
    EXPECT_EQ(found, all);
  }
}

TEST_F(PrepareTest, HeldOutFilesAreNotLearnedFrom) {
  PrepareOptions job = options({folder_.write("train.txt", "aaaa aaaa bbbb\n")});
  job.valid_inputs = {folder_.write("valid.txt", "zz aaaa\n\nbbbb\n")};
  const PrepareSummary summary = prepare(job);
  EXPECT_EQ(summary.valid.documents, 2U);
  EXPECT_EQ(summary.valid.unknown_tokens, 1U);  // zz
  EXPECT_EQ(summary.train.paragraphs, 1U);
}

TEST_F(PrepareTest, ReadsWordNet) {
  for (const char* name : {"wn/data.noun", "wn/data.verb", "wn/data.adj", "wn/data.adv"}) {
    folder_.write(
        name, "  licence\n00001740 03 n 01 w 0 000 | a gloss  \n00001741 03 n 01 w 0 000 | a gloss too\n");
  }
  PrepareOptions job = options({folder_ / "wn"});
  job.format = TextFormat::kWordNet;
  job.valid_share = 0;
  const PrepareSummary summary = prepare(job);
  EXPECT_EQ(summary.train.paragraphs, 8U);
  EXPECT_EQ(summary.train.documents, 4U);
}

TEST_F(PrepareTest, InvalidUtf8IsNamedOrDropped) {
  const auto input = folder_.write("a.txt", "good\n\nca\xE9s caf\xC3\xA9\n");
  PrepareOptions job = options({folder_.write("b.txt", "fine\n"), input});
  job.valid_share = 0;
  const std::string message = error_of(ExitCode::kBadData, [&] { prepare(job); });
  EXPECT_TRUE(contains(message, "a.txt:3: invalid UTF-8 at byte 8 (0xE9)")) << message;
  EXPECT_TRUE(contains(message, "--invalid-utf8 replace")) << message;
  job.invalid_utf8 = InvalidUtf8::kReplace;
  const PrepareSummary summary = prepare(job);
  EXPECT_EQ(summary.replaced_invalid, 1U);
  const WordPieceTokenizer tokenizer = WordPieceTokenizer::load(job.output);
  EXPECT_EQ(paragraphs_of(job.output / kTrainCorpusFile).back(), tokenizer.encode("cas cafe"));
}

// The first bad place of the input is named, whichever thread comes upon one first.
TEST_F(PrepareTest, TheFirstOfManyErrorsIsNamed) {
  std::string text = made_up_text(4000000);
  const std::size_t place = text.find("\u00C9nd", text.size() / 4);
  for (std::size_t bad = place; bad != std::string::npos; bad = text.find("\u00C9nd", bad))
    text[bad] = '\xFF';
  PrepareOptions job = options({folder_.write("a.txt", text)});
  set_thread_count(4);
  for (int round = 0; round < 5; ++round) {
    const std::string message = error_of(ExitCode::kBadData, [&] { prepare(job); });
    ASSERT_TRUE(contains(message, fmt::format("at byte {} (0xFF)", place))) << message;
  }
}

TEST_F(PrepareTest, TextWithoutWordsAndCorporaWithoutTextAreErrors) {
  const auto error = [](const PrepareOptions& job) {
    return error_of(ExitCode::kBadData, [&] { prepare(job); });
  };
  EXPECT_TRUE(contains(error(options({folder_.write("blank.txt", "\n \n\n")})), "the input is blank"));
  EXPECT_TRUE(contains(error(options({folder_.write("empty.txt", "")})), "is empty"));
  EXPECT_TRUE(contains(error(options({folder_ / "none.txt"})), "none.txt"));
  PrepareOptions job = options({folder_.write("one.txt", "one document\n")});
  job.vocabulary_size = 64;
  job.seed = 1;  // by chance, holds out the first document
  EXPECT_TRUE(contains(error(job), "all of it is held out"));
  job.seed = 2;
  EXPECT_TRUE(contains(error(job), "no text is held out"));
  EXPECT_TRUE(contains(error(job), "--valid-unit paragraph"));
  job.valid_inputs = {folder_.write("dropped.txt", "\x01\n")};
  EXPECT_TRUE(contains(error(job), "the held-out files have no text"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "out"));
  // What a compressed file without content is shows only when it is read.
  const std::string empty_gzip{"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0", 20};
  EXPECT_TRUE(contains(error(options({folder_.write("empty.gz", empty_gzip)})), "empty.gz is empty"));
}

TEST_F(PrepareTest, WrongOptionsAreUsageErrors) {
  PrepareOptions job = options({folder_.write("a.txt", "a\n")});
  job.valid_share = 1;
  (void)error_of(ExitCode::kUsage, [&] { prepare(job); });
  job = options({});
  (void)error_of(ExitCode::kUsage, [&] { prepare(job); });
  job = options({folder_ / "a.txt"});
  job.output.clear();
  (void)error_of(ExitCode::kUsage, [&] { prepare(job); });
  job = options({"/dev/null"});  // like a pipe, no file
  EXPECT_TRUE(contains(error_of(ExitCode::kUsage, [&] { prepare(job); }), "pipe"));
  job.output = folder_ / "a.txt/out";
  EXPECT_TRUE(contains(error_of(ExitCode::kFailed, [&] { prepare(job); }), "cannot make the folder"));
}

TEST_F(PrepareTest, AFailureKeepsTheFilesOfAnEarlierRun) {
  PrepareOptions job = options({folder_.write("a.txt", made_up_text(300000))});
  prepare(job);
  const auto before = output();
  ASSERT_EQ(before.size(), 4U);
  job.inputs.push_back(folder_.write("bad.txt", "\xFF\n"));
  (void)error_of(ExitCode::kBadData, [&] { prepare(job); });
  EXPECT_EQ(output(), before);

  // As on a full disk: writes fail from some size on.
  job.inputs = {folder_.write("more.txt", made_up_text(1500000))};
  rlimit old_limit{};
  getrlimit(RLIMIT_FSIZE, &old_limit);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 500000, .rlim_max = old_limit.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string message = error_of(ExitCode::kFailed, [&] { prepare(job); });
  setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_TRUE(contains(message, "cannot write")) << message;
  EXPECT_EQ(output(), before);
}

using PrepareDeathTest = PrepareTest;

TEST_F(PrepareDeathTest, AnInterruptLeavesNothing) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const PrepareOptions job = options({folder_.write("a.txt", made_up_text(100000))});
  // In a process of its own, since the flag stays.
  EXPECT_EXIT(
      {
        watch_for_interrupt();
        std::raise(SIGINT);
        try {
          prepare(job);
        } catch (const Error& error) {
          std::exit(static_cast<int>(error.code()));
        }
        std::exit(0);
      },
      ::testing::ExitedWithCode(130), "");
}

TEST_F(PrepareTest, ManyUnknownTokensAreReportedWithTheirCure) {
  const auto vocabulary = folder_.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\none\ntwo\n");
  const auto warning = [&](std::string_view text) {
    PrepareOptions job = options({folder_.write("a.txt", text)});
    job.vocabulary = vocabulary;
    job.valid_share = 0;
    ::testing::internal::CaptureStderr();
    (void)prepare(job);
    return ::testing::internal::GetCapturedStderr();
  };
  const std::string many = warning("one two one two\nother\n");
  EXPECT_TRUE(contains(many, "20 % of the tokens of train.corpus are [UNK]")) << many;
  EXPECT_TRUE(contains(many, "leave out --vocab")) << many;
  EXPECT_FALSE(contains(warning("one two one two one\nother\n"), "[UNK]"));
}

TEST_F(PrepareTest, CapitalPiecesInAnUncasedRunAreReported) {
  PrepareOptions job = options({folder_.write("a.txt", "Abc abc\n")});
  job.valid_share = 0;
  job.vocabulary = folder_.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nAbc\n");
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(prepare(job).train.unknown_tokens, 2U);
  EXPECT_TRUE(contains(::testing::internal::GetCapturedStderr(), "did you mean --cased"));
  job.lower_case = false;
  EXPECT_EQ(prepare(job).train.unknown_tokens, 1U);
  EXPECT_FALSE(WordPieceTokenizer::load(job.output).lower_case());
}

}  // namespace
}  // namespace filigree::text
