#include "filigree/text/input_files.h"

#include <algorithm>
#include <system_error>

#include "filigree/base/error.h"

namespace filigree::text {
namespace {

namespace fs = std::filesystem;

std::vector<InputFile> files_of_folder(const fs::path& folder) {
  std::vector<InputFile> files;
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code not_a_file;
    if (!entry->is_regular_file(not_a_file)) continue;
    files.push_back({entry->path(), entry->file_size(not_a_file), /*named=*/false});
  }
  if (error) fail_data("cannot read the folder {}: {}", folder.string(), error.message());
  if (files.empty()) fail_data("the folder {} holds no files", folder.string());
  if (std::all_of(files.begin(), files.end(), [](const InputFile& file) { return file.bytes == 0; })) {
    fail_data("the folder {} holds no text: its files are empty", folder.string());
  }
  std::sort(files.begin(), files.end(),
            [](const InputFile& a, const InputFile& b) { return a.path.native() < b.path.native(); });
  return files;
}

}  // namespace

std::vector<InputFile> find_input_files(const std::vector<fs::path>& inputs) {
  std::vector<InputFile> files;
  for (const fs::path& input : inputs) {
    std::error_code error;
    const fs::file_status status = fs::status(input, error);
    if (!fs::exists(status)) {
      fail_data("{} cannot be read: {}", input.string(),
                error ? error.message() : "there is no such file or folder");
    }
    if (fs::is_directory(status)) {
      const std::vector<InputFile> found = files_of_folder(input);
      files.insert(files.end(), found.begin(), found.end());
    } else if (fs::is_regular_file(status)) {
      const std::uintmax_t bytes = fs::file_size(input, error);
      if (bytes == 0) fail_data("{} is empty", input.string());
      files.push_back({input, bytes, /*named=*/true});
    } else {
      files.push_back({input, 0, /*named=*/true});
    }
  }
  return files;
}

}  // namespace filigree::text
