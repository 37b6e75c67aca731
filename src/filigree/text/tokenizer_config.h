// How text was normalised: Hugging Face's tokenizer_config.json, of which BERT needs the casing.
#pragma once

#include <filesystem>

namespace filigree::text {

inline constexpr const char* kVocabularyFile = "vocab.txt";
inline constexpr const char* kTokenizerConfigFile = "tokenizer_config.json";

struct TokenizerConfig {
  // Lower-case and strip accents (BERT's "uncased"). The key `do_lower_case`; true where it is absent.
  bool lower_case = true;

  // Errors (bad data): the file is missing or no JSON object, do_lower_case is no boolean, or the file asks
  // for what WordPieceTokenizer does not do (strip_accents that differs from do_lower_case,
  // tokenize_chinese_chars off, another tokenizer class).
  static TokenizerConfig load(const std::filesystem::path& path);
  // Writes the file atomically.
  void save(const std::filesystem::path& path) const;
};

}  // namespace filigree::text
