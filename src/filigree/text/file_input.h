// A file descriptor with a buffer: what the decompressors read from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "filigree/base/descriptor.h"

namespace filigree::text {

class FileInput {
 public:
  // Errors (bad data): the file is missing or a folder. Reading ends with an interrupt
  // (kInterrupted), also where a pipe waits for its writer.
  explicit FileInput(const std::filesystem::path& path);

  // The bytes that are read but not consumed. Reads on while fewer than `wanted` are there; fewer than
  // `wanted` means the end of the file.
  std::string_view peek(std::size_t wanted = 1);
  // Drops `bytes` of what peek() gave.
  void consume(std::size_t bytes) { begin_ += bytes; }
  // Offset in the file of the first byte that is not consumed.
  std::uint64_t offset() const { return file_bytes_ - (end_ - begin_); }
  // Bytes read from the file.
  std::uint64_t file_bytes() const { return file_bytes_; }
  std::string name() const { return path_.string(); }

 private:
  void wait() const;

  std::filesystem::path path_;
  Descriptor file_;
  std::string buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t file_bytes_ = 0;
};

}  // namespace filigree::text
