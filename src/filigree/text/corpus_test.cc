#include "filigree/text/corpus.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <cmath>
#include <cstring>

#include "filigree/base/file.h"
#include "filigree/base/philox.h"
#include "filigree/base/test_support.h"
#include "filigree/text/corpus_format.h"
#include "filigree/text/corpus_writer.h"
#include "filigree/text/testing.h"

namespace filigree::text {
namespace {

using test::error_of;
using test::TemporaryFolder;

using Tokens = std::vector<std::int32_t>;
using Documents = std::vector<std::vector<Tokens>>;

Vocabulary numbered_vocabulary(int size) {
  std::vector<std::string> pieces;
  for (int i = 5; i < size; ++i) pieces.push_back(fmt::format("p{}", i));
  return vocabulary_of(pieces);
}

std::filesystem::path write_corpus(const std::filesystem::path& path, const Vocabulary& vocabulary,
                                   const Documents& documents) {
  CorpusWriter writer(path, vocabulary);
  for (const auto& document : documents) {
    for (const Tokens& paragraph : document) writer.add_paragraph(paragraph);
    writer.end_document();
  }
  writer.commit();
  return path;
}

// Reads all of it; on a hostile file, somewhere an error.
Documents read_corpus(const Corpus& corpus) {
  Documents documents;
  for (std::uint64_t d = 0; d < corpus.document_count(); ++d) {
    documents.emplace_back();
    for (std::uint64_t p = corpus.document_begin(d); p < corpus.document_begin(d + 1); ++p) {
      Tokens tokens(corpus.paragraph_begin(p + 1) - corpus.paragraph_begin(p));
      corpus.copy_tokens(corpus.paragraph_begin(p), tokens.size(), tokens.data());
      documents.back().push_back(tokens);
    }
  }
  return documents;
}

const Documents& small_documents() {
  static const Documents documents = {{{7, 8, 9}, {1}}, {{5, 5, 5, 5}}};
  return documents;
}

TEST(Corpus, GivesBackWhatWasWritten) {
  const TemporaryFolder folder;
  Philox random(1, Purpose::kTest);
  for (const int size : {20, 65536, 65537}) {
    const Vocabulary vocabulary = numbered_vocabulary(size);
    Documents documents(40);
    for (auto& document : documents) {
      document.resize(1 + random.below(9));
      for (Tokens& paragraph : document) {
        paragraph.resize(1 + random.below(3000));
        for (auto& token : paragraph)
          token = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(size)));
      }
    }
    documents[0][0][0] = size - 1;
    const Corpus corpus(write_corpus(folder / "c.corpus", vocabulary, documents));
    EXPECT_EQ(read_corpus(corpus), documents);
    EXPECT_EQ(corpus.vocabulary_size(), static_cast<std::uint32_t>(size));
    EXPECT_EQ(corpus.vocabulary_hash(), vocabulary.hash());
    corpus.check_vocabulary(vocabulary);
    corpus.verify();
  }
}

TEST(Corpus, LeavesOutWhatIsEmpty) {
  const TemporaryFolder folder;
  const Vocabulary vocabulary = numbered_vocabulary(20);
  const Corpus corpus(write_corpus(folder / "c.corpus", vocabulary, {{}, {{}, {5}, {}}, {{}}, {{6}}}));
  EXPECT_EQ(read_corpus(corpus), (Documents{{{5}}, {{6}}}));
  const Corpus none(write_corpus(folder / "none.corpus", vocabulary, {}));
  EXPECT_EQ(none.token_count(), 0U);
  EXPECT_EQ(none.document_count(), 0U);
  EXPECT_EQ(none.paragraph_begin(0), 0U);
  EXPECT_EQ(none.unigram_entropy(), 0);
}

TEST(Corpus, UnigramEntropyIsThatOfTheCounts) {
  const TemporaryFolder folder;
  const Corpus corpus(write_corpus(folder / "c.corpus", numbered_vocabulary(20), {{{5, 5, 6, 7}}}));
  EXPECT_NEAR(corpus.unigram_entropy(), 0.5 * std::log(2.0) + 0.5 * std::log(4.0), 1e-12);
  EXPECT_EQ(corpus.count_of(5), 2U);
  EXPECT_EQ(corpus.count_of(8), 0U);
}

TEST(Corpus, AnotherVocabularyIsRefused) {
  const TemporaryFolder folder;
  const Corpus corpus(write_corpus(folder / "c.corpus", numbered_vocabulary(20), small_documents()));
  const std::string message =
      error_of(ExitCode::kBadData, [&] { corpus.check_vocabulary(numbered_vocabulary(21)); });
  EXPECT_NE(message.find("prepared with another vocabulary"), std::string::npos) << message;
}

TEST(Corpus, NothingIsLeftWithoutCommit) {
  const TemporaryFolder folder;
  {
    CorpusWriter writer(folder / "c.corpus", numbered_vocabulary(20));
    writer.add_paragraph(Tokens{5});
    writer.finish();
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Corpus, TheWriterRefusesForeignTokens) {
  const TemporaryFolder folder;
  CorpusWriter writer(folder / "c.corpus", numbered_vocabulary(20));
  (void)error_of(ExitCode::kFailed, [&] { writer.add_paragraph(Tokens{20}); });
  (void)error_of(ExitCode::kFailed, [&] { writer.add_paragraph(Tokens{-1}); });
}

TEST(Corpus, ReadingOutsideIsAnError) {
  const TemporaryFolder folder;
  const Corpus corpus(write_corpus(folder / "c.corpus", numbered_vocabulary(20), small_documents()));
  Tokens out(8);
  (void)error_of(ExitCode::kFailed, [&] { (void)corpus.paragraph_begin(4); });
  (void)error_of(ExitCode::kFailed, [&] { (void)corpus.document_begin(3); });
  (void)error_of(ExitCode::kFailed, [&] { corpus.copy_tokens(7, 2, out.data()); });
  (void)error_of(ExitCode::kFailed, [&] { corpus.copy_tokens(1, ~std::uint64_t{0}, out.data()); });
}

// The bytes as docs/formats.md describes them, put together by hand.
TEST(Corpus, GoldenFile) {
  std::string golden;
  const auto put = [&](std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) golden.push_back(static_cast<char>(value >> (8 * i)));
  };
  const auto pad = [&] { golden.resize((golden.size() + 63) / 64 * 64); };
  golden = "FILCORP\n";
  put(1, 4);   // version
  put(2, 4);   // bytes a token
  put(10, 4);  // pieces
  put(0, 4);
  put(0, 8);  // the vocabulary's hash, below
  put(8, 8);  // tokens
  put(3, 8);  // paragraphs
  put(2, 8);  // documents
  golden.resize(128);
  for (const int token : {7, 8, 9, 1, 5, 5, 5, 5}) put(static_cast<std::uint64_t>(token), 2);
  pad();
  for (const int bound : {0, 3, 4, 8}) put(static_cast<std::uint64_t>(bound), 8);
  pad();
  for (const int bound : {0, 2, 3}) put(static_cast<std::uint64_t>(bound), 8);
  pad();
  for (const int count : {0, 1, 0, 0, 0, 4, 0, 1, 1, 1}) put(static_cast<std::uint64_t>(count), 8);
  pad();
  const std::string vocabulary_text = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\np5\np6\np7\np8\np9\n";
  const auto store = [&](std::size_t offset, std::uint64_t value) {
    std::memcpy(golden.data() + offset, &value, 8);
  };
  store(24, XXH3_64bits(vocabulary_text.data(), vocabulary_text.size()));
  store(56, XXH3_64bits(golden.data() + 128, golden.size() - 128));
  store(120, XXH3_64bits(golden.data(), 120));

  const TemporaryFolder folder;
  EXPECT_EQ(read_file(write_corpus(folder / "c.corpus", numbered_vocabulary(10), small_documents())), golden);
  // A change of the format that changes writer and golden bytes alike must also change this number, and the
  // version.
  EXPECT_EQ(XXH3_64bits(golden.data(), golden.size()), 17759406678528848295U);
}

class HostileCorpus : public ::testing::Test {
 protected:
  HostileCorpus() {
    path_ = write_corpus(folder_ / "c.corpus", numbered_vocabulary(20), small_documents());
    good_ = read_file(path_);
  }
  // Opens and reads all of it; true where that ends in a bad-data error, and any other error fails the test.
  bool is_refused(const std::string& content) {
    folder_.write("hostile.corpus", content);
    try {
      const Corpus corpus(folder_ / "hostile.corpus");
      (void)read_corpus(corpus);
      (void)corpus.unigram_entropy();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kBadData) << error.what();
      return true;
    }
    return false;
  }
  // Makes both checksums fit, as an attacker would.
  static std::string sealed(std::string content) {
    std::uint64_t hash =
        XXH3_64bits(content.data() + sizeof(CorpusHeader), content.size() - sizeof(CorpusHeader));
    std::memcpy(content.data() + offsetof(CorpusHeader, body_checksum), &hash, sizeof(hash));
    hash = XXH3_64bits(content.data(), offsetof(CorpusHeader, header_checksum));
    std::memcpy(content.data() + offsetof(CorpusHeader, header_checksum), &hash, sizeof(hash));
    return content;
  }
  template <typename T>
  std::string with(std::size_t offset, T value) const {
    std::string content = good_;
    std::memcpy(content.data() + offset, &value, sizeof(value));
    return sealed(content);
  }

  TemporaryFolder folder_;
  std::filesystem::path path_;
  std::string good_;
};

TEST_F(HostileCorpus, TheGoodFileIsRead) { EXPECT_FALSE(is_refused(sealed(good_))); }

TEST_F(HostileCorpus, EveryTruncationIsRefused) {
  for (std::size_t length = 0; length < good_.size(); ++length)
    ASSERT_TRUE(is_refused(good_.substr(0, length))) << length;
  EXPECT_TRUE(is_refused(good_ + "x"));
  EXPECT_TRUE(is_refused(good_ + std::string(64, '\0')));
}

TEST_F(HostileCorpus, EveryFlippedBitIsRefused) {
  for (std::size_t bit = 0; bit < good_.size() * 8; ++bit) {
    std::string content = good_;
    content[bit / 8] = static_cast<char>(content[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_TRUE(is_refused(content)) << "byte " << bit / 8;
  }
}

TEST_F(HostileCorpus, NumbersThatOverflowAreRefused) {
  for (const std::size_t field :
       {offsetof(CorpusHeader, token_count), offsetof(CorpusHeader, paragraph_count),
        offsetof(CorpusHeader, document_count)}) {
    for (const std::uint64_t value : {~std::uint64_t{0}, ~std::uint64_t{0} - 1, std::uint64_t{1} << 63,
                                      std::uint64_t{1} << 61, std::uint64_t{0}, std::uint64_t{1000}}) {
      ASSERT_TRUE(is_refused(with(field, value))) << field << " " << value;
    }
  }
  for (const std::uint32_t size : {0U, 7U, 1U << 31U, ~0U}) {
    EXPECT_TRUE(is_refused(with(offsetof(CorpusHeader, vocabulary_size), size)));
  }
  for (const std::uint32_t bytes : {0U, 1U, 4U, 8U}) {
    EXPECT_TRUE(is_refused(with(offsetof(CorpusHeader, token_bytes), bytes)));
  }
}

TEST_F(HostileCorpus, TokensBeyondTheVocabularyAreRefused) {
  EXPECT_TRUE(is_refused(with<std::uint16_t>(128, 20)));
  EXPECT_TRUE(is_refused(with<std::uint16_t>(128, 6)));  // within, but the counts no longer fit
}

TEST_F(HostileCorpus, BoundsOutOfOrderAreRefused) {
  const std::size_t paragraphs = 128 + 64;
  const std::size_t documents = paragraphs + 64;
  EXPECT_FALSE(is_refused(with<std::uint64_t>(paragraphs + 16, 5)));  // another cut, as good as the first
  for (const std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{8}, ~std::uint64_t{0}}) {
    EXPECT_TRUE(is_refused(with(paragraphs + 16, value))) << value;
  }
  for (const std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{9}, ~std::uint64_t{0}}) {
    EXPECT_TRUE(is_refused(with(documents + 8, value))) << value;
  }
}

TEST_F(HostileCorpus, AnotherVersionAndFormatAreNamed) {
  const auto message = [&](const std::string& content) {
    folder_.write("hostile.corpus", content);
    return error_of(ExitCode::kBadData, [&] { Corpus corpus(folder_ / "hostile.corpus"); });
  };
  EXPECT_NE(message(with<std::uint32_t>(offsetof(CorpusHeader, version), 2)).find("version 2"),
            std::string::npos);
  EXPECT_NE(message("plain text, long enough to hold a header of the right size" + std::string(200, ' '))
                .find("is not a tokenised corpus"),
            std::string::npos);
  EXPECT_NE(message("").find("is not a tokenised corpus"), std::string::npos);
}

// Random damage with checksums that fit: an error or harmless, never a crash.
TEST_F(HostileCorpus, RandomDamageNeverCrashes) {
  Philox random(11, Purpose::kTest);
  for (int round = 0; round < 3000; ++round) {
    std::string content = good_;
    for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
      content[8 + random.below(content.size() - 8)] = static_cast<char>(random.below(256));
    }
    (void)is_refused(sealed(content));
  }
}

}  // namespace
}  // namespace filigree::text
