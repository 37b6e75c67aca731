#include "filigree/text/wordpiece.h"

#include <utility>

#include "filigree/text/tokenizer_config.h"
#include "filigree/text/utf8.h"

namespace filigree::text {

WordPieceTokenizer::WordPieceTokenizer(Vocabulary vocabulary, bool lower_case)
    : vocabulary_(std::move(vocabulary)), words_(lower_case), trie_(vocabulary_) {}

WordPieceTokenizer WordPieceTokenizer::load(const std::filesystem::path& folder) {
  const TokenizerConfig config = TokenizerConfig::load(folder / kTokenizerConfigFile);
  return {Vocabulary::load(folder / kVocabularyFile), config.lower_case};
}

std::vector<std::int32_t> WordPieceTokenizer::encode(std::string_view text, EncodeOptions options) const {
  std::vector<std::int32_t> ids;
  encode(text, ids, options);
  return ids;
}

void WordPieceTokenizer::encode(std::string_view text, std::vector<std::int32_t>& ids,
                                EncodeOptions options) const {
  if (!options.keep_special) {
    encode_plain(text, ids);
    return;
  }
  std::size_t begin = 0;
  for (std::size_t bracket = text.find('['); bracket != std::string_view::npos;
       bracket = text.find('[', bracket)) {
    std::string_view found;
    for (const std::string_view special : kSpecialPieces) {
      if (text.substr(bracket).starts_with(special)) found = special;
    }
    if (found.empty()) {
      ++bracket;
      continue;
    }
    encode_plain(text.substr(begin, bracket - begin), ids);
    ids.push_back(*vocabulary_.find(found));
    bracket += found.size();
    begin = bracket;
  }
  encode_plain(text.substr(begin), ids);
}

void WordPieceTokenizer::encode_plain(std::string_view text, std::vector<std::int32_t>& ids) const {
  words_.for_each_word(text, [&](std::string_view word) { encode_word(word, ids); });
}

void WordPieceTokenizer::encode_word(std::string_view word, std::vector<std::int32_t>& ids) const {
  if (word.size() > kLongestWord && count_code_points(word) > kLongestWord) {
    ids.push_back(vocabulary_.unknown_id());
    return;
  }
  const std::size_t start = ids.size();
  while (!word.empty()) {
    const PieceTrie::Match match = trie_.longest(word, /*continuation=*/ids.size() > start);
    if (match.id < 0) {
      // One part that no piece covers makes the whole word unknown.
      ids.resize(start);
      ids.push_back(vocabulary_.unknown_id());
      return;
    }
    ids.push_back(match.id);
    word.remove_prefix(match.bytes);
  }
}

}  // namespace filigree::text
