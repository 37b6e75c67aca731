// Files: whole-file reading, memory maps, and writing that never leaves a half file behind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "filigree/base/descriptor.h"

namespace filigree {

// Errors (bad data): the file is missing, cannot be read, or is larger than `most` (a device may have no
// end).
std::string read_file(const std::filesystem::path& path, std::size_t most = std::size_t{1} << 30);

// Writes `<path>.partial`, syncs it, renames it onto `path` and syncs the folder: after a crash at
// any moment `path` is the old file or the new one. Without commit() the partial file is removed.
// Errors: any write, sync or rename that fails, with the cause (a full disk) and the path. (Usage) another
// process is writing the same file.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, std::size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  // Replaces bytes written before: a header whose numbers are known at the end. offset + bytes <= size().
  void overwrite(std::uint64_t offset, const void* data, std::size_t bytes);
  std::uint64_t size() const { return size_; }
  // Waits until all that was written is on the disk: what can fail for want of space has failed then. For
  // several files that belong together, before the first commit().
  void sync();
  void commit();

 private:
  [[noreturn]] void fail_with(const char* action, int error_number) const;

  std::filesystem::path path_;
  std::filesystem::path partial_;
  Descriptor file_;
  std::uint64_t size_ = 0;
};

void write_file_atomically(const std::filesystem::path& path, std::string_view content);

// A read-only memory map of a whole file (empty files map to an empty span).
class MappedFile {
 public:
  // Errors (bad data): the file is missing, cannot be read, or is a pipe, device or folder.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace filigree
