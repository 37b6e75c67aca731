// The job of `filigree bert prepare`: text to a vocabulary and tokenised corpora.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace filigree::text {

enum class TextFormat { kText, kWordNet };
enum class InvalidUtf8 { kError, kReplace };
enum class HeldOutUnit { kDocument, kParagraph };

struct PrepareOptions {
  // Files and folders; folders of WordNet's data files for that format.
  std::vector<std::filesystem::path> inputs;
  TextFormat format = TextFormat::kText;
  // Receives vocab.txt, tokenizer_config.json, train.corpus and, unless valid_share is 0, valid.corpus.
  std::filesystem::path output;

  // A vocab.txt to use; empty: one is learned from the training part.
  std::filesystem::path vocabulary;
  int vocabulary_size = 8192;
  std::uint64_t min_frequency = 2;
  // Different words to count at most, some 350 bytes each; where there are more, the rarest are dropped.
  std::int64_t most_words = 1'000'000;
  // BERT's "uncased".
  bool lower_case = true;

  // Held-out text of its own, in the same format. Where there is none, about `valid_share` of the units of
  // the input, each chosen by seed and index.
  std::vector<std::filesystem::path> valid_inputs;
  double valid_share = 0.02;
  HeldOutUnit valid_unit = HeldOutUnit::kDocument;
  std::uint64_t seed = 1;

  // kReplace: invalid bytes become U+FFFD, which BERT's cleaning drops.
  InvalidUtf8 invalid_utf8 = InvalidUtf8::kError;
};

struct CorpusSummary {
  std::uint64_t tokens = 0;
  std::uint64_t paragraphs = 0;
  std::uint64_t documents = 0;
  std::uint64_t unknown_tokens = 0;
  double unigram_entropy = 0;  // nats a token
};

struct PrepareSummary {
  CorpusSummary train;
  CorpusSummary valid;
  std::int32_t pieces = 0;
  std::uint64_t text_bytes = 0;        // tokenised, decompressed, without line feeds
  std::uint64_t replaced_invalid = 0;  // runs of invalid bytes
  double vocabulary_seconds = 0;       // to learn it
  double tokenise_seconds = 0;
};

// Writes the same bytes for any number of threads, in memory that depends on `most_words`, not on the size of
// the input. The files of an earlier run stay as they are until all new ones are written. Errors: wrong
// options (usage); input that is missing, empty, not UTF-8 or without text for one of the corpora (bad data);
// an output folder that cannot be written, a full disk; an interrupt (exit code 130).
PrepareSummary prepare(const PrepareOptions& options);

}  // namespace filigree::text
