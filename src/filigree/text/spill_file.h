// A temporary file without a name: written once, read back once, gone with the process.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "filigree/base/descriptor.h"

namespace filigree::text {

class SpillFile {
 public:
  // Lies in `folder`, so that it fills the disk that the user chose.
  // Errors: the folder cannot be written.
  explicit SpillFile(std::filesystem::path folder);

  // Errors: a full disk.
  void write(const void* data, std::size_t bytes);
  // Calls `sink` with all that was written, in order, piece by piece.
  void replay(const std::function<void(std::string_view)>& sink);

 private:
  void flush();
  [[noreturn]] void fail_with(const char* action, int error_number) const;

  std::filesystem::path folder_;
  Descriptor file_;
  std::string buffer_;
};

}  // namespace filigree::text
