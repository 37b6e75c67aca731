#include "filigree/text/characters.h"

#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include "filigree/base/error.h"
#include "filigree/text/utf8.h"

namespace filigree::text {
namespace {

bool in(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

UChar32 icu(char32_t c) { return static_cast<UChar32>(c); }

const icu::Normalizer2& canonical_decomposition() {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* nfd = icu::Normalizer2::getNFDInstance(status);
  if (U_FAILURE(status)) fail("ICU has no data for NFD: {}; install its data (libicu)", u_errorName(status));
  return *nfd;
}

// Lower case and without accents.
icu::UnicodeString folded(const icu::UnicodeString& token) {
  UErrorCode status = U_ZERO_ERROR;
  icu::UnicodeString lower(token);
  lower.toLower(icu::Locale::getRoot());
  // Marks that will be dropped go first where they cannot part other marks from each other (those with a
  // combining class): ICU sorts runs of marks by insertion, which takes hours for a line of nothing else.
  icu::UnicodeString short_runs;
  for (int32_t i = 0; i < lower.length(); i = lower.moveIndex32(i, 1)) {
    const UChar32 c = lower.char32At(i);
    if (u_charType(c) != U_NON_SPACING_MARK || u_getCombiningClass(c) == 0) short_runs.append(c);
  }
  const icu::UnicodeString decomposed = canonical_decomposition().normalize(short_runs, status);
  if (U_FAILURE(status)) fail("ICU cannot normalise a word: {}", u_errorName(status));
  icu::UnicodeString result;
  for (int32_t i = 0; i < decomposed.length(); i = decomposed.moveIndex32(i, 1)) {
    const UChar32 c = decomposed.char32At(i);
    if (u_charType(c) != U_NON_SPACING_MARK) result.append(c);
  }
  return result;
}

// Appends what lies between punctuation, and each punctuation character by itself.
void split_at_punctuation(const icu::UnicodeString& token, std::vector<std::string>& words) {
  std::string word;
  const auto flush = [&] {
    if (!word.empty()) words.push_back(word);
    word.clear();
  };
  for (int32_t i = 0; i < token.length(); i = token.moveIndex32(i, 1)) {
    const auto c = static_cast<char32_t>(token.char32At(i));
    const bool alone = is_bert_punctuation(c);
    if (alone) flush();
    append_utf8(c, word);
    if (alone) flush();
  }
  flush();
}

}  // namespace

bool is_bert_whitespace(char32_t c) {
  if (c == ' ' || c == '\t' || c == '\n' || c == '\r') return true;
  constexpr auto kSeparators = U_GC_Z_MASK;
  return c >= 0x80 && (U_MASK(u_charType(icu(c))) & kSeparators) != 0;
}

bool is_bert_dropped(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  constexpr auto kControls = U_GC_CC_MASK | U_GC_CF_MASK;
  return c == 0xFFFD || (U_MASK(u_charType(icu(c))) & kControls) != 0;
}

bool is_bert_punctuation(char32_t c) {
  if (in(c, 33, 47) || in(c, 58, 64) || in(c, 91, 96) || in(c, 123, 126)) return true;
  return c >= 0x80 && (U_MASK(u_charType(icu(c))) & U_GC_P_MASK) != 0;
}

bool is_bert_cjk(char32_t c) {
  return in(c, 0x4E00, 0x9FFF) || in(c, 0x3400, 0x4DBF) || in(c, 0x20000, 0x2A6DF) ||
         in(c, 0x2A700, 0x2B73F) || in(c, 0x2B740, 0x2B81F) || in(c, 0x2B820, 0x2CEAF) ||
         in(c, 0xF900, 0xFAFF) || in(c, 0x2F800, 0x2FA1F);
}

std::vector<std::string> plain_bert_words(std::string_view text, bool lower_case) {
  std::vector<std::string> words;
  icu::UnicodeString token;
  const auto flush = [&] {
    if (!token.isEmpty()) split_at_punctuation(lower_case ? folded(token) : token, words);
    token.remove();
  };
  for (std::size_t offset = 0; offset < text.size();) {
    const char32_t c = next_code_point(text, offset);
    if (is_bert_dropped(c)) continue;
    const bool cjk = is_bert_cjk(c);
    if (cjk || is_bert_whitespace(c)) flush();
    if (!is_bert_whitespace(c)) token.append(icu(c));
    if (cjk) flush();
  }
  flush();
  return words;
}

}  // namespace filigree::text
