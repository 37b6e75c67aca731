// WordPiece: each word becomes the longest pieces of a vocabulary that cover it, from left to right (Wu et
// al., arXiv 1609.08144; as in google-research/bert's tokenization.py).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "filigree/text/basic_tokenizer.h"
#include "filigree/text/piece_trie.h"
#include "filigree/text/vocabulary.h"

namespace filigree::text {

struct EncodeOptions {
  // Takes [PAD], [UNK], [CLS], [SEP] and [MASK] in the text for those pieces, wherever they stand, as Hugging
  // Face's tokenizers do. Without it, text is text: "[MASK]" is a bracket, a word and a bracket.
  bool keep_special = false;
};

// Immutable, so threads may share it.
class WordPieceTokenizer {
 public:
  // Longer words, in characters after normalisation, are [UNK] (Hugging Face's limit; BERT's first code had
  // 200).
  static constexpr std::size_t kLongestWord = 100;

  // `lower_case`: BERT's "uncased".
  WordPieceTokenizer(Vocabulary vocabulary, bool lower_case);
  // The vocab.txt and tokenizer_config.json of a folder that filigree bert prepare or Hugging Face wrote.
  // Errors (bad data): those of Vocabulary::load and TokenizerConfig::load.
  static WordPieceTokenizer load(const std::filesystem::path& folder);

  // The ids of the pieces of `text`, without [CLS] and [SEP].
  std::vector<std::int32_t> encode(std::string_view text, EncodeOptions options = {}) const;
  // The same, behind what `ids` already holds.
  void encode(std::string_view text, std::vector<std::int32_t>& ids, EncodeOptions options = {}) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }
  bool lower_case() const { return words_.lower_case(); }

 private:
  void encode_plain(std::string_view text, std::vector<std::int32_t>& ids) const;
  void encode_word(std::string_view word, std::vector<std::int32_t>& ids) const;

  Vocabulary vocabulary_;
  BasicTokenizer words_;
  PieceTrie trie_;
};

}  // namespace filigree::text
