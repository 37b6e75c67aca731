#include "filigree/text/code_point_table.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <string>

#include "filigree/text/characters.h"
#include "filigree/text/utf8.h"

namespace filigree::text {
namespace {

constexpr char32_t kCapitalSigma = 0x3A3;

// Neighbours matter in two cases: the capital sigma, which is another letter at the end of a word, and marks
// that are not removed (not Mn) but that NFD may put into another order.
bool depends_on_context(char32_t c) {
  if (c == kCapitalSigma) return true;
  UErrorCode status = U_ZERO_ERROR;
  icu::UnicodeString decomposed;
  if (!icu::Normalizer2::getNFDInstance(status)->getDecomposition(static_cast<UChar32>(c), decomposed)) {
    decomposed.setTo(static_cast<UChar32>(c));
  }
  for (int32_t i = 0; i < decomposed.length(); i = decomposed.moveIndex32(i, 1)) {
    const UChar32 part = decomposed.char32At(i);
    if (u_getCombiningClass(part) != 0 && u_charType(part) != U_NON_SPACING_MARK) return true;
  }
  return false;
}

}  // namespace

CharacterRule make_character_rule(char32_t c, bool lower_case) {
  CharacterRule rule{};
  if (is_bert_dropped(c)) {
    rule.kind = CharacterKind::kDropped;
    return rule;
  }
  if (is_bert_whitespace(c)) {
    rule.kind = CharacterKind::kSpace;
    return rule;
  }
  std::string text;
  append_utf8(c, text);
  const std::vector<std::string> words = plain_bert_words(text, lower_case);
  if (words.empty()) {
    rule.kind = CharacterKind::kDropped;
    return rule;
  }
  std::size_t offset = 0;
  const std::string& word = words[0];
  const bool single_punctuation = is_bert_punctuation(next_code_point(word, offset)) && offset == word.size();
  if (words.size() > 1 || word.size() > sizeof(rule.text) || (lower_case && depends_on_context(c))) {
    rule.kind = CharacterKind::kContext;
    return rule;
  }
  rule.kind = single_punctuation || is_bert_cjk(c) ? CharacterKind::kAlone : CharacterKind::kLetter;
  std::copy(word.begin(), word.end(), rule.text);
  rule.size = static_cast<std::uint8_t>(word.size());
  return rule;
}

CodePointTable::CodePointTable(bool lower_case) : lower_case_(lower_case) {
  constexpr char32_t kPlane = 0x10000;
  rules_.reserve(kPlane);
  for (char32_t c = 0; c < kPlane; ++c) rules_.push_back(make_character_rule(c, lower_case));
}

const CodePointTable& CodePointTable::get(bool lower_case) {
  if (lower_case) {
    static const CodePointTable uncased(true);
    return uncased;
  }
  static const CodePointTable cased(false);
  return cased;
}

}  // namespace filigree::text
