// Where paragraphs come from: batches of them, with documents counted and places remembered.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "filigree/text/input_files.h"

namespace filigree::text {

struct Paragraph {
  std::size_t begin = 0;  // of its bytes in TextBatch::text
  std::size_t size = 0;
  std::uint64_t document = 0;  // index in the whole input
  // Where it stands: index of the file, line from 1, offset of its first byte (decompressed).
  std::uint32_t file = 0;
  std::uint64_t line = 0;
  std::uint64_t offset = 0;
};

// About a MiB of text. Its bounds follow from the input alone, never from the number of threads.
struct TextBatch {
  std::string text;
  std::vector<Paragraph> paragraphs;
  std::uint64_t first_paragraph = 0;  // index in the whole input
  std::uint64_t file_bytes = 0;       // of the files on disk, taken so far

  std::string_view text_of(const Paragraph& paragraph) const {
    return std::string_view(text).substr(paragraph.begin, paragraph.size);
  }
};

class TextSource {
 public:
  virtual ~TextSource() = default;
  // Overwrites `batch` with the next paragraphs; false at the end.
  // Errors (bad data): those of LineReader and of the format.
  bool next(TextBatch& batch);

  std::string file_name(const Paragraph& paragraph) const { return files_[paragraph.file].path.string(); }
  // Of the files on disk; 0 where it is unknown.
  std::uint64_t total_bytes() const;

 protected:
  explicit TextSource(std::vector<InputFile> files) : files_(std::move(files)) {}

  struct Line {
    std::string_view text;
    bool new_document = false;
    std::uint32_t file = 0;
    std::uint64_t number = 0;
    std::uint64_t offset = 0;
  };
  // Gives the next paragraph; false at the end.
  virtual bool next_line(Line& line) = 0;
  // Bytes taken so far of all files.
  virtual std::uint64_t file_bytes() const = 0;

  const std::vector<InputFile>& files() const { return files_; }

 private:
  std::vector<InputFile> files_;
  std::uint64_t paragraphs_ = 0;
  std::uint64_t documents_ = 0;
};

// Text files: each line is a paragraph, a blank line (white space only) or the end of a file ends a document.
// Errors (bad data): those of find_input_files.
std::unique_ptr<TextSource> open_text_files(const std::vector<std::filesystem::path>& inputs);

}  // namespace filigree::text
