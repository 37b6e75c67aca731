// BERT's normalisation as a table: for each character, what it adds to the words.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace filigree::text {

enum class CharacterKind : std::uint8_t {
  kDropped,  // adds nothing
  kSpace,    // ends a word
  kAlone,    // a word of its own (punctuation, CJK)
  kLetter,   // goes on with a word
  kContext,  // depends on its neighbours: the whole stretch goes through plain_bert_words
};

struct CharacterRule {
  char text[14];  // UTF-8 of what it becomes
  std::uint8_t size;
  CharacterKind kind;
  std::string_view view() const { return {text, size}; }
};
static_assert(sizeof(CharacterRule) == 16);

// The rule of one character, from plain_bert_words and ICU's properties.
CharacterRule make_character_rule(char32_t c, bool lower_case);

// All rules; those of the Basic Multilingual Plane are computed once, in some milliseconds.
class CodePointTable {
 public:
  explicit CodePointTable(bool lower_case);
  // The table for a casing, made at first use and shared.
  static const CodePointTable& get(bool lower_case);

  CharacterRule rule(char32_t c) const {
    return c < rules_.size() ? rules_[c] : make_character_rule(c, lower_case_);
  }

 private:
  bool lower_case_;
  std::vector<CharacterRule> rules_;
};

}  // namespace filigree::text
