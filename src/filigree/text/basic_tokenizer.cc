#include "filigree/text/basic_tokenizer.h"

namespace filigree::text {

BasicTokenizer::BasicTokenizer(bool lower_case)
    : lower_case_(lower_case), table_(CodePointTable::get(lower_case)) {
  for (std::size_t c = 0; c < ascii_.size(); ++c) {
    const CharacterRule rule = table_.rule(static_cast<char32_t>(c));
    ascii_[c] = {rule.kind, rule.text[0]};
  }
}

std::vector<std::string> BasicTokenizer::words(std::string_view text) const {
  std::vector<std::string> result;
  for_each_word(text, [&](std::string_view word) { result.emplace_back(word); });
  return result;
}

std::size_t BasicTokenizer::stretch_end(std::string_view text, std::size_t offset) {
  constexpr std::string_view kSpaces = " \t\n\r";
  const std::size_t end = text.find_first_of(kSpaces, offset);
  return end == std::string_view::npos ? text.size() : end;
}

bool BasicTokenizer::needs_context(std::string_view text, std::size_t begin, std::size_t end) const {
  const std::string_view stretch = text.substr(0, end);
  while (begin < end) {
    if (static_cast<unsigned char>(stretch[begin]) < 0x80) {
      ++begin;
    } else if (table_.rule(next_code_point(stretch, begin)).kind == CharacterKind::kContext) {
      return true;
    }
  }
  return false;
}

}  // namespace filigree::text
