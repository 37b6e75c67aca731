// The bytes of a file, decompressed where it is compressed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

namespace filigree::text {

// A stream of bytes, read once from the start.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Reads up to `size` > 0 bytes; 0 means the end.
  // Errors (bad data): the file cannot be read; compressed data that is cut off or damaged, with the offset
  // in the compressed file.
  virtual std::size_t read(char* data, std::size_t size) = 0;
  // Bytes of the file on disk taken so far: how far along the reader is.
  virtual std::uint64_t file_bytes() const = 0;
};

// Opens a plain, gzip or Zstandard file; its first bytes decide, not its name.
// Errors (bad data): the file is missing or a folder.
std::unique_ptr<ByteSource> open_bytes(const std::filesystem::path& path);

}  // namespace filigree::text
