#include "filigree/text/basic_tokenizer.h"

#include <gtest/gtest.h>

#include "filigree/base/philox.h"
#include "filigree/text/utf8.h"

namespace filigree::text {
namespace {

using Words = std::vector<std::string>;

const BasicTokenizer& uncased() {
  static const BasicTokenizer tokenizer(true);
  return tokenizer;
}
const BasicTokenizer& cased() {
  static const BasicTokenizer tokenizer(false);
  return tokenizer;
}

struct Case {
  const char* text;
  Words uncased;
  Words cased;
};

// The cases are of BERT's and Hugging Face's tokenization tests, and of the rules of tokenization.py.
TEST(BasicTokenizer, KnownCases) {
  const std::vector<Case> cases = {
      {"", {}, {}},
      {" \tHeLLo!how  \n Are yoU?  ",
       {"hello", "!", "how", "are", "you", "?"},
       {"HeLLo", "!", "how", "Are", "yoU", "?"}},
      {"H\u00E9llo", {"hello"}, {"H\u00E9llo"}},
      {"He\u0301llo", {"hello"}, {"He\u0301llo"}},
      {" \tH\u00E4LLo!how  \n Are yoU?  ",
       {"hallo", "!", "how", "are", "you", "?"},
       {"H\u00E4LLo", "!", "how", "Are", "yoU", "?"}},
      {"ah\u535A\u63A8zz", {"ah", "\u535A", "\u63A8", "zz"}, {"ah", "\u535A", "\u63A8", "zz"}},
      {"UNwant\u00E9d,running", {"unwanted", ",", "running"}, {"UNwant\u00E9d", ",", "running"}},
      {"a\u200E\u200Fb \u200E", {"ab"}, {"ab"}},  // Cf is dropped
      {"[UNK] $5^2`x`",
       {"[", "unk", "]", "$", "5", "^", "2", "`", "x", "`"},
       {"[", "UNK", "]", "$", "5", "^", "2", "`", "x", "`"}},  // all ASCII signs are punctuation
      {"a+b\u2013c\u00D7d\u20AC",
       {"a", "+", "b", "\u2013", "c\u00D7d\u20AC"},
       {"a", "+", "b", "\u2013", "c\u00D7d\u20AC"}},
      {"a\u00A0b\u2003c\u2028d\u3000e", {"a", "b", "c", "d", "e"}, {"a", "b", "c", "d", "e"}},  // Zs and Zl
      {"a\x0B"
       "b\x7F\x01"
       "c\uFFFD"
       "d",
       {"abcd"},
       {"abcd"}},                                                    // Cc is dropped, white space or not
      {"\uFEFFfirst", {"first"}, {"first"}},                         // a byte order mark
      {"\u0130\u212A\u2126", {"ik\u03C9"}, {"\u0130\u212A\u2126"}},  // I with dot, Kelvin, Ohm
      {"\u2260\u037E", {"=", ";"}, {"\u2260", "\u037E"}},            // become punctuation by NFD
      {"\u039F\u0394\u039F\u03A3 \u03A3\u03A3'\u03A3",
       {"\u03BF\u03B4\u03BF\u03C2", "\u03C3\u03C3", "'", "\u03C2"},
       {"\u039F\u0394\u039F\u03A3", "\u03A3\u03A3", "'",
        "\u03A3"}},  // the final sigma, which looks past an apostrophe
      {"\uAC00\u30AB\u30AC",
       {"\u1100\u1161\u30AB\u30AB"},
       {"\uAC00\u30AB\u30AC"}},                                              // Hangul and kana are letters
      {"\uF900\U0002F800", {"\u8C48", "\u4E3D"}, {"\uF900", "\U0002F800"}},  // compatibility ideographs
      {"\u0301", {}, {"\u0301"}},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(uncased().words(c.text), c.uncased) << c.text;
    EXPECT_EQ(cased().words(c.text), c.cased) << c.text;
  }
}

TEST(BasicTokenizer, InvalidBytesAreDropped) {
  EXPECT_EQ(uncased().words("caf\xE9s \x80\xFFx"), (Words{"cafs", "x"}));
}

// The fast path against the plain one, for each character, alone and amid others.
TEST(BasicTokenizer, AgreesWithThePlainOneOnEachCharacter) {
  std::string text;
  int characters = 0;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    // Ideographs, and planes that are empty or for private use: a sample does.
    if (c >= 0x20000 && c % 97 != 0 && !(c >= 0xE0000 && c <= 0xE0200)) continue;
    text += " A";
    append_utf8(c, text);
    text += "b ";
    append_utf8(c, text);
    if (++characters % 32 != 0 && c != 0x10FFFF) continue;
    ASSERT_EQ(uncased().words(text), plain_bert_words(text, true)) << std::hex << static_cast<unsigned>(c);
    ASSERT_EQ(cased().words(text), plain_bert_words(text, false)) << std::hex << static_cast<unsigned>(c);
    text.clear();
  }
}

// Random neighbours, with many that matter to each other: sigmas, marks, white space, ideographs.
TEST(BasicTokenizer, AgreesWithThePlainOneOnRandomText) {
  const std::u32string special =
      U"\u03A3\u03A3\u03C3'.: \n\u00A0\u0301\u0323\u0345\u302E\u302F\U0001D165\U0001D15E\u4E00\u037E"
      U"aAzZ09\u00C9\u0130\uAC00\u0F71\u0F72\U00016FF0\U00016FF1\U0001F999\u200D";
  Philox random(7, Purpose::kTest);
  for (int round = 0; round < 30000; ++round) {
    std::string text;
    const std::uint64_t length = 1 + random.below(12);
    for (std::uint64_t i = 0; i < length; ++i) {
      const bool any = random.below(4) == 0;
      char32_t c = any ? static_cast<char32_t>(random.below(0x3100)) : special[random.below(special.size())];
      append_utf8(c, text);
    }
    ASSERT_EQ(uncased().words(text), plain_bert_words(text, true)) << text;
    ASSERT_EQ(cased().words(text), plain_bert_words(text, false)) << text;
  }
}

// Canonical order sorts runs of marks: a line of nothing else must not take quadratic time (minutes).
TEST(BasicTokenizer, AVeryLongRunOfMarksIsOneWord) {
  std::string text = "\u03A3";
  for (int i = 0; i < 500'000; ++i) text += "\u0301\u0316";
  EXPECT_EQ(uncased().words(text), std::vector<std::string>{"\u03C3"});
}

}  // namespace
}  // namespace filigree::text
