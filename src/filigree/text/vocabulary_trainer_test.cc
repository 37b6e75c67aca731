#include "filigree/text/vocabulary_trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "filigree/base/philox.h"
#include "filigree/base/test_support.h"
#include "filigree/text/wordpiece.h"

namespace filigree::text {
namespace {

using test::error_of;

using Counts = std::map<std::string, std::uint64_t>;

WordTable table_of(const Counts& counts) {
  WordTable table;
  for (const auto& [word, count] : counts) table.add(word, count);
  return table;
}

std::vector<std::string> trained(const Counts& counts, int size, std::uint64_t min_frequency = 2) {
  const Vocabulary vocabulary =
      train_vocabulary(table_of(counts), {.vocabulary_size = size, .min_frequency = min_frequency});
  return {vocabulary.pieces().begin() + std::size(kSpecialPieces), vocabulary.pieces().end()};
}

// The same by counting all pairs anew for each merge. Words are of ASCII.
std::vector<std::string> plainly_trained(const Counts& counts, std::size_t size,
                                         std::uint64_t min_frequency) {
  std::vector<std::string> pieces(std::begin(kSpecialPieces), std::end(kSpecialPieces));
  const auto id_of = [&](const std::string& piece) {
    return std::find(pieces.begin(), pieces.end(), piece) - pieces.begin();
  };
  const auto add = [&](const std::string& piece) {
    if (id_of(piece) == static_cast<std::ptrdiff_t>(pieces.size())) pieces.push_back(piece);
  };
  std::map<char, int> letters;
  std::map<std::string, int> continuing;
  std::vector<std::pair<std::vector<std::string>, std::uint64_t>> words;
  for (const auto& [word, count] : counts) {
    std::vector<std::string> spelling;
    for (const char letter : word) {
      ++letters[letter];
      spelling.push_back((spelling.empty() ? "" : "##") + std::string(1, letter));
      if (spelling.size() > 1) ++continuing[spelling.back()];
    }
    words.emplace_back(spelling, count);
  }
  for (const auto& [letter, n] : letters) add(std::string(1, letter));
  for (const auto& [piece, n] : continuing) add(piece);
  while (pieces.size() < size) {
    std::map<std::pair<std::ptrdiff_t, std::ptrdiff_t>, std::uint64_t> pairs;
    for (const auto& [spelling, count] : words) {
      for (std::size_t i = 0; i + 1 < spelling.size(); ++i)
        pairs[{id_of(spelling[i]), id_of(spelling[i + 1])}] += count;
    }
    const auto best = std::max_element(pairs.begin(), pairs.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (best == pairs.end() || best->second < min_frequency) break;
    const std::string left = pieces[static_cast<std::size_t>(best->first.first)];
    const std::string right = pieces[static_cast<std::size_t>(best->first.second)];
    add(left + right.substr(2));
    for (auto& [spelling, count] : words) {
      std::vector<std::string> merged;
      for (std::size_t i = 0; i < spelling.size(); ++i) {
        const bool match = i + 1 < spelling.size() && spelling[i] == left && spelling[i + 1] == right;
        merged.push_back(match ? left + right.substr(2) : spelling[i]);
        if (match) ++i;
      }
      spelling = merged;
    }
  }
  pieces.erase(pieces.begin(), pieces.begin() + std::size(kSpecialPieces));
  return pieces;
}

TEST(VocabularyTrainer, MergesTheMostFrequentPairFirst) {
  // hug, pug, pun, bun, hugs: the example of Hugging Face's course.
  const Counts counts = {{"hug", 10}, {"pug", 5}, {"pun", 12}, {"bun", 4}, {"hugs", 5}};
  EXPECT_EQ(trained(counts, 64),
            (std::vector<std::string>{"b", "g", "h", "n", "p", "s", "u", "##g", "##n", "##s", "##u", "##ug",
                                      "##un", "hug", "pun", "pug", "hugs", "bun"}));
  const std::vector<std::string> few = trained(counts, 64, 6);
  EXPECT_EQ(few.back(), "pun");  // hugs, pug and bun are too rare
}

TEST(VocabularyTrainer, AgreesWithCountingAnew) {
  Philox random(9, Purpose::kTest);
  for (int round = 0; round < 40; ++round) {
    Counts counts;
    const std::uint64_t letters = 2 + random.below(4);
    for (int i = 0; i < 60; ++i) {
      std::string word;
      for (std::uint64_t n = 1 + random.below(9); n > 0; --n)
        word += static_cast<char>('a' + random.below(letters));
      counts[word] += 1 + random.below(6);  // many ties
    }
    const int size = 40 + static_cast<int>(random.below(60));
    ASSERT_EQ(trained(counts, size), plainly_trained(counts, static_cast<std::size_t>(size), 2)) << round;
  }
}

TEST(VocabularyTrainer, TheOrderOfTheWordsDoesNotMatter) {
  const Counts counts = {{"abc", 3}, {"abd", 3}, {"bcd", 3}, {"dab", 3}, {"cab", 3}};
  WordTable backwards;
  for (auto word = counts.rbegin(); word != counts.rend(); ++word) backwards.add(word->first, word->second);
  EXPECT_EQ(train_vocabulary(backwards, {}).hash(), train_vocabulary(table_of(counts), {}).hash());
}

TEST(VocabularyTrainer, EncodesItsOwnWordsWithoutUnknowns) {
  Philox random(2, Purpose::kTest);
  Counts counts;
  for (int i = 0; i < 500; ++i) {
    std::string word;
    for (std::uint64_t n = 1 + random.below(12); n > 0; --n)
      word += static_cast<char>('a' + random.below(26));
    ++counts[word];
  }
  const WordPieceTokenizer tokenizer(train_vocabulary(table_of(counts), {.vocabulary_size = 200}), true);
  EXPECT_EQ(tokenizer.vocabulary().size(), 200);
  for (const auto& [word, count] : counts) {
    for (const std::int32_t id : tokenizer.encode(word))
      ASSERT_NE(id, tokenizer.vocabulary().unknown_id()) << word;
  }
}

TEST(VocabularyTrainer, RareCharactersAreLeftOut) {
  Counts counts = {{"aa", 50}, {"ab", 40}, {"c\u00E9", 1}, {"z", 1}};
  const Vocabulary vocabulary = train_vocabulary(table_of(counts), {.alphabet_limit = 3});
  EXPECT_TRUE(vocabulary.find("b"));
  EXPECT_FALSE(vocabulary.find("z"));
  EXPECT_FALSE(vocabulary.find("\u00E9"));
  EXPECT_FALSE(vocabulary.find("##\u00E9"));
}

TEST(VocabularyTrainer, WhatCannotBeIsAnError) {
  (void)error_of(ExitCode::kBadData, [] { train_vocabulary(WordTable(), {}); });
  (void)error_of(ExitCode::kUsage, [] { train_vocabulary(table_of({{"a", 1}}), {.vocabulary_size = 31}); });
}

}  // namespace
}  // namespace filigree::text
