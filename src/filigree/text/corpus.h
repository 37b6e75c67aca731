// A tokenised corpus on disk (`*.corpus`), read through a memory map. docs/formats.md has the bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "filigree/base/file.h"
#include "filigree/text/vocabulary.h"

namespace filigree::text {

// The names of the corpora that filigree bert prepare writes into a folder.
inline constexpr const char* kTrainCorpusFile = "train.corpus";
inline constexpr const char* kValidCorpusFile = "valid.corpus";

// Entropy of the frequencies that `counts` gives, in nats; 0 where there are none.
double entropy_of_counts(std::span<const std::uint64_t> counts);

// Tokens, cut into paragraphs, which form documents. Every access is safe on a hostile file: whatever is
// wrong with it, from a cut end to ids beyond the vocabulary, is a bad-data error.
class Corpus {
 public:
  // Checks header and sizes; files of at most 1 GiB are verified as a whole (see verify()).
  // Errors (bad data): a missing file, another format or version, a truncated or altered file.
  explicit Corpus(const std::filesystem::path& path);

  std::uint64_t token_count() const { return token_count_; }
  std::uint64_t paragraph_count() const { return paragraph_count_; }
  std::uint64_t document_count() const { return document_count_; }

  // The first token of paragraph p; p == paragraph_count() gives token_count().
  std::uint64_t paragraph_begin(std::uint64_t p) const;
  // The first paragraph of document d; d == document_count() gives paragraph_count().
  std::uint64_t document_begin(std::uint64_t d) const;
  // Writes tokens [begin, begin + count) to `out`.
  void copy_tokens(std::uint64_t begin, std::uint64_t count, std::int32_t* out) const;

  std::uint64_t vocabulary_hash() const { return vocabulary_hash_; }
  std::uint32_t vocabulary_size() const { return vocabulary_size_; }
  // XXH3-64 of all that the corpus holds, as its header gives it: tells corpora apart.
  std::uint64_t checksum() const { return checksum_; }
  // How often piece `id` occurs. id < vocabulary_size().
  std::uint64_t count_of(std::uint32_t id) const;
  // Entropy of the pieces' frequencies, in nats a token; 0 for an empty corpus.
  double unigram_entropy() const;

  // Errors (bad data): the corpus was prepared with another vocabulary.
  void check_vocabulary(const Vocabulary& vocabulary) const;
  // Reads the whole file: checksum, order of the bounds, range of the tokens, and their counts.
  void verify() const;

 private:
  std::uint64_t bound(std::span<const std::byte> bounds, std::uint64_t index, std::uint64_t count,
                      std::uint64_t limit, const char* what) const;
  [[noreturn]] void fail_damaged(const char* what) const;

  std::filesystem::path path_;
  MappedFile file_;
  std::uint64_t token_count_ = 0;
  std::uint64_t paragraph_count_ = 0;
  std::uint64_t document_count_ = 0;
  std::uint64_t vocabulary_hash_ = 0;
  std::uint64_t checksum_ = 0;
  std::uint32_t vocabulary_size_ = 0;
  std::uint32_t token_bytes_ = 0;
  // Sections of the file.
  std::span<const std::byte> body_;
  std::span<const std::byte> tokens_;
  std::span<const std::byte> paragraphs_;
  std::span<const std::byte> documents_;
  std::span<const std::byte> counts_;
};

}  // namespace filigree::text
