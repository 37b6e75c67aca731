// Writes a tokenised corpus in one pass, in memory that does not depend on its size.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "filigree/base/file.h"
#include "filigree/text/spill_file.h"
#include "filigree/text/vocabulary.h"

struct XXH3_state_s;

namespace filigree::text {

// The file appears under its name at commit(), whole, or not at all.
class CorpusWriter {
 public:
  // Errors: the folder cannot be written.
  CorpusWriter(const std::filesystem::path& path, const Vocabulary& vocabulary);
  ~CorpusWriter();

  // Adds a paragraph to the current document; one without tokens is left out. 0 <= token < size of the
  // vocabulary. Errors: a full disk.
  void add_paragraph(std::span<const std::int32_t> tokens);
  // Ends the current document; one without paragraphs is left out.
  void end_document();
  // Writes all that is left and waits for the disk. Afterwards only commit() may be called.
  void finish();
  // Calls finish() where it was not called, and gives the file its name.
  void commit();

  std::uint64_t token_count() const { return token_count_; }
  std::uint64_t paragraph_count() const { return paragraph_count_; }
  std::uint64_t document_count() const { return document_count_; }
  // How often each piece occurs.
  const std::vector<std::uint64_t>& counts() const { return counts_; }

 private:
  void append(const void* data, std::size_t bytes);
  void flush();
  void pad();
  void append_bounds(SpillFile& bounds, std::uint64_t end);

  AtomicFile file_;
  SpillFile paragraphs_;
  SpillFile documents_;
  std::string buffer_;
  std::vector<std::uint16_t> narrow_;
  std::uint64_t body_bytes_ = 0;
  std::unique_ptr<XXH3_state_s, void (*)(XXH3_state_s*)> hash_;
  std::uint32_t vocabulary_size_;
  std::uint64_t vocabulary_hash_;
  std::uint64_t token_count_ = 0;
  std::uint64_t paragraph_count_ = 0;
  std::uint64_t document_count_ = 0;
  std::uint64_t document_start_ = 0;  // first paragraph of the current document
  std::vector<std::uint64_t> counts_;
  bool finished_ = false;
};

}  // namespace filigree::text
