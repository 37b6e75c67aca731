// The files that a user's list of files and folders means.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace filigree::text {

struct InputFile {
  std::filesystem::path path;
  std::uint64_t bytes = 0;  // on disk; 0 where it is unknown (a pipe)
  bool named = true;        // false: found in a folder
};

// Files as given, each folder replaced by the regular files in and below it, sorted by path.
// Errors (bad data): a name that does not exist, a folder without files or with empty ones alone, a named
// file that is empty.
std::vector<InputFile> find_input_files(const std::vector<std::filesystem::path>& inputs);

}  // namespace filigree::text
