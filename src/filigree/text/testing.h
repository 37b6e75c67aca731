// Helpers of this module's tests.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/text/vocabulary.h"

namespace filigree::text {

// A folder that goes away with the test.
class TestFolder {
 public:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "filigree-text-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(std::string_view name, std::string_view content) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::filesystem::remove(path_ / name);  // ext4 syncs a file that is cut and written again
    std::ofstream(path_ / name, std::ios::binary) << content;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

inline std::string file_content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Runs `body`, which must throw an Error of `code`, and gives its message.
template <typename Body>
std::string error_of(ExitCode code, Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(code)) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

// The special pieces, then `pieces`.
inline Vocabulary vocabulary_of(const std::vector<std::string>& pieces) {
  std::vector<std::string> all(std::begin(kSpecialPieces), std::end(kSpecialPieces));
  all.insert(all.end(), pieces.begin(), pieces.end());
  return Vocabulary(std::move(all));
}

// The folder of real data, or empty: such tests are skipped.
inline std::filesystem::path data_folder() {
  const char* folder = std::getenv("FILIGREE_DATA");
  return folder != nullptr ? folder : "";
}

}  // namespace filigree::text
