#include "filigree/text/wordpiece.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "filigree/base/philox.h"
#include "filigree/base/test_support.h"
#include "filigree/text/testing.h"
#include "filigree/text/utf8.h"

namespace filigree::text {
namespace {

using test::TemporaryFolder;

using Ids = std::vector<std::int32_t>;

std::vector<std::string> pieces(const WordPieceTokenizer& tokenizer, std::string_view text,
                                EncodeOptions options = {}) {
  std::vector<std::string> result;
  for (const std::int32_t id : tokenizer.encode(text, options))
    result.push_back(tokenizer.vocabulary().piece(id));
  return result;
}

// The vocabulary of BERT's tokenization_test.py.
const WordPieceTokenizer& small_tokenizer() {
  static const WordPieceTokenizer tokenizer(
      vocabulary_of({"want", "##want", "##ed", "wa", "un", "runn", "##ing", ",", "low", "lowest", "##b"}),
      true);
  return tokenizer;
}

TEST(WordPiece, CasesOfTheReference) {
  using Pieces = std::vector<std::string>;
  EXPECT_EQ(pieces(small_tokenizer(), ""), Pieces{});
  EXPECT_EQ(pieces(small_tokenizer(), "unwanted running"), (Pieces{"un", "##want", "##ed", "runn", "##ing"}));
  EXPECT_EQ(pieces(small_tokenizer(), "unwantedX running"), (Pieces{"[UNK]", "runn", "##ing"}));
  EXPECT_EQ(pieces(small_tokenizer(), "UNwant\u00E9d,running"),
            (Pieces{"un", "##want", "##ed", ",", "runn", "##ing"}));
  EXPECT_EQ(pieces(small_tokenizer(), "low lowes lowest"),
            (Pieces{"low", "[UNK]", "lowest"}));  // greedy: low|es fails
}

TEST(WordPiece, AWordOfMoreThan100CharactersIsUnknown) {
  const WordPieceTokenizer tokenizer(vocabulary_of({"a", "##a", "\u00E9", "##\u00E9"}), false);
  EXPECT_EQ(tokenizer.encode(std::string(100, 'a')).size(), 100U);
  EXPECT_EQ(tokenizer.encode(std::string(101, 'a')), Ids{tokenizer.vocabulary().unknown_id()});
  std::string accents;
  for (int i = 0; i < 100; ++i) accents += "\u00E9";
  EXPECT_EQ(tokenizer.encode(accents).size(), 100U);  // characters count, not bytes
  EXPECT_EQ(tokenizer.encode(accents + "a").size(), 1U);
}

TEST(WordPiece, SpecialPiecesAreTextUnlessKept) {
  using Pieces = std::vector<std::string>;
  const WordPieceTokenizer tokenizer(vocabulary_of({"[", "]", "mask", "a", "b", "m"}), true);
  EXPECT_EQ(pieces(tokenizer, "a [MASK] b"), (Pieces{"a", "[", "mask", "]", "b"}));
  const EncodeOptions keep{.keep_special = true};
  EXPECT_EQ(pieces(tokenizer, "a [MASK] b", keep), (Pieces{"a", "[MASK]", "b"}));
  EXPECT_EQ(pieces(tokenizer, "a[MASK]b[[SEP]", keep), (Pieces{"a", "[MASK]", "b", "[", "[SEP]"}));
  EXPECT_EQ(pieces(tokenizer, "[mask] [MASK", keep), (Pieces{"[", "mask", "]", "[", "mask"}));
  EXPECT_EQ(pieces(tokenizer, "[MASK]", keep), Pieces{"[MASK]"});
}

TEST(WordPiece, LoadsAFolder) {
  const TemporaryFolder folder;
  folder.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nA\n");
  folder.write("tokenizer_config.json", R"({"do_lower_case": false})");
  const WordPieceTokenizer tokenizer = WordPieceTokenizer::load(folder.path());
  EXPECT_FALSE(tokenizer.lower_case());
  EXPECT_EQ(tokenizer.encode("A a"), (Ids{5, 1}));
}

// Greedy longest match by looking up ever shorter substrings, as in tokenization.py.
Ids plain_pieces(const Vocabulary& vocabulary, const std::string& word) {
  Ids ids;
  std::size_t start = 0;
  while (start < word.size()) {
    std::size_t end = word.size();
    std::optional<std::int32_t> id;
    for (; end > start && !id; --end) {
      id = vocabulary.find((start > 0 ? "##" : "") + word.substr(start, end - start));
    }
    if (!id) return {vocabulary.unknown_id()};
    ids.push_back(*id);
    start = end + 1;
  }
  return ids;
}

TEST(WordPiece, AgreesWithSearchingSubstrings) {
  Philox random(3, Purpose::kTest);
  const auto random_word = [&](std::uint64_t longest) {
    static const std::vector<std::string> letters = {"a", "b", "c", "\u00DF", "\u03B1", "\u03B2"};
    std::string word;
    for (std::uint64_t n = 1 + random.below(longest); n > 0; --n)
      word += letters[random.below(letters.size())];
    return word;
  };
  for (int round = 0; round < 50; ++round) {
    std::set<std::string> set;
    for (int i = 0; i < 60; ++i) set.insert((random.below(3) > 0 ? "##" : "") + random_word(4));
    const WordPieceTokenizer tokenizer(vocabulary_of({set.begin(), set.end()}), true);
    for (int i = 0; i < 300; ++i) {
      const std::string word = random_word(10);
      ASSERT_EQ(tokenizer.encode(word), plain_pieces(tokenizer.vocabulary(), word)) << word;
    }
  }
}

TEST(WordPiece, VectorsOfBertBaseUncased) {
  const auto data = data_folder();
  if (data.empty()) GTEST_SKIP() << "FILIGREE_DATA is unset: no BERT vocabulary and vectors";
  const WordPieceTokenizer tokenizer(Vocabulary::load(data / "text/bert_vocab/vocab.txt"), true);
  EXPECT_EQ(tokenizer.vocabulary().size(), 30522);
  EXPECT_EQ(tokenizer.encode("UNwant\u00E9d,running"), (Ids{18162, 1010, 2770}));
  const auto vectors =
      nlohmann::json::parse(std::ifstream(data / "text/wordpiece/bert_base_uncased_vectors.json"));
  EXPECT_EQ(vectors.size(), 42U);
  for (const auto& vector : vectors) {
    const auto text = vector.at("text").get<std::string>();
    EXPECT_EQ(tokenizer.encode(text), vector.at("ids").get<Ids>()) << text;
  }
}

}  // namespace
}  // namespace filigree::text
