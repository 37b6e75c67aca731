// The lines of a plain, gzip or Zstandard file, in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "filigree/text/byte_source.h"

namespace filigree::text {

class LineReader {
 public:
  // Longer lines are refused: what has no line feed in 16 MiB is seldom text, and memory stays bounded.
  static constexpr std::size_t kLongestLine = std::size_t{16} << 20;

  // Errors (bad data): the file is missing or a folder.
  explicit LineReader(const std::filesystem::path& path, std::size_t longest_line = kLongestLine);

  // Gives the next line without its line feed and a carriage return before it; false at the end. The view
  // holds until the next call. Errors (bad data): a line longer than the limit, with file, line and byte;
  // those of ByteSource.
  bool next(std::string_view& line);

  // Of the line that next() gave last: its number, from 1, and the offset of its first byte in the file
  // (in the decompressed text where the file is compressed).
  std::uint64_t line_number() const { return line_number_; }
  std::uint64_t line_offset() const { return line_offset_; }
  // Bytes of the file on disk taken so far.
  std::uint64_t file_bytes() const { return source_->file_bytes(); }

 private:
  bool fill();

  std::string name_;
  std::unique_ptr<ByteSource> source_;
  std::size_t longest_line_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of what is not given yet
  std::size_t end_ = 0;
  std::uint64_t line_number_ = 0;
  std::uint64_t line_offset_ = 0;
  std::uint64_t next_offset_ = 0;
};

}  // namespace filigree::text
