// Splits text into BERT's words: cleaned, normalised, cut at white space, punctuation and CJK ideographs.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "filigree/text/characters.h"
#include "filigree/text/code_point_table.h"
#include "filigree/text/utf8.h"

namespace filigree::text {

// BERT's BasicTokenizer (google-research/bert, tokenization.py), with the same words as plain_bert_words.
// Immutable, so threads may share it.
class BasicTokenizer {
 public:
  // With `lower_case`, words are in lower case and without accents ("uncased").
  explicit BasicTokenizer(bool lower_case);
  bool lower_case() const { return lower_case_; }

  // Calls visit(std::string_view) for each word of `text`, in order. The view holds during the call. Invalid
  // UTF-8 is dropped, as BERT does.
  template <typename Visit>
  void for_each_word(std::string_view text, Visit&& visit) const;
  std::vector<std::string> words(std::string_view text) const;

 private:
  struct AsciiRule {
    CharacterKind kind;
    char text;
  };

  static std::size_t stretch_end(std::string_view text, std::size_t offset);
  // True where some character of text[begin, end) depends on its neighbours.
  bool needs_context(std::string_view text, std::size_t begin, std::size_t end) const;

  bool lower_case_;
  const CodePointTable& table_;
  std::array<AsciiRule, 128> ascii_;
};

template <typename Visit>
void BasicTokenizer::for_each_word(std::string_view text, Visit&& visit) const {
  std::string word;
  // A stretch has no ASCII white space within; no rule looks beyond it.
  std::size_t stretch = 0;
  std::size_t stretch_words = 0;
  std::size_t plain_until = 0;  // up to here, no character depends on its neighbours
  const auto flush = [&] {
    if (word.empty()) return;
    visit(std::string_view(word));
    word.clear();
    ++stretch_words;
  };
  const auto alone = [&](std::string_view character) {
    flush();
    visit(character);
    ++stretch_words;
  };

  std::size_t i = 0;
  while (i < text.size()) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      const AsciiRule rule = ascii_[byte];
      ++i;
      if (rule.kind == CharacterKind::kLetter) {
        word.push_back(rule.text);
      } else if (rule.kind == CharacterKind::kSpace) {
        flush();
        stretch = i;
        stretch_words = 0;
      } else if (rule.kind == CharacterKind::kAlone) {
        alone(std::string_view(&rule.text, 1));
      }
      continue;
    }
    if (i >= plain_until) {
      const std::size_t end = stretch_end(text, i);
      if (needs_context(text, i, end)) {
        // Start over; the words already given are the same ones.
        const std::vector<std::string> all =
            plain_bert_words(text.substr(stretch, end - stretch), lower_case_);
        for (std::size_t w = stretch_words; w < all.size(); ++w) visit(std::string_view(all[w]));
        word.clear();
        stretch_words = all.size();
        i = end;
        continue;
      }
      plain_until = end;
    }
    const CharacterRule rule = table_.rule(next_code_point(text, i));
    if (rule.kind == CharacterKind::kLetter) {
      word.append(rule.text, rule.size);
    } else if (rule.kind == CharacterKind::kAlone) {
      alone(rule.view());
    } else if (rule.kind == CharacterKind::kSpace) {
      flush();
    }
  }
  flush();
}

}  // namespace filigree::text
