// What the sparse commands' options have in common: choices from tables, numbers and shares, files of
// matrices.
#pragma once

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/sparse/bsr_pattern.h"

namespace filigree::cli {

template <typename Names>
std::vector<std::string> choices(const Names& names) {
  std::vector<std::string> result;
  for (const auto& entry : names) result.emplace_back(entry.name);
  return result;
}

// The row of `names` with this name. Errors (usage): there is none.
template <typename Names>
auto named(const Names& names, const std::string& name) {
  for (const auto& entry : names) {
    if (entry.name == name) return entry;
  }
  fail_usage("there is no '{}'", name);
}

// Errors (usage), naming the option: `text` is no number.
template <typename T>
T number(std::string_view option, std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    fail_usage("--{} {} is not a number", option, text);
  }
  return value;
}

std::vector<std::string> block_choices();
// Errors (usage): not a size from 1 to 2^24.
std::int64_t matrix_size(std::string_view option, std::string_view text);
// "0.1" or "1/16". Errors (usage): not in (0, 1].
double density_share(std::string_view text);
// The blocks of a MatrixMarket (.mtx) or .smtx file that hold an element. Errors (usage): a file of another
// name, a block that BsrPattern refuses. Errors (bad data): as the readers of sparse/matrix_file.h.
sparse::BsrPattern pattern_of_file(const std::filesystem::path& path, sparse::BlockShape block);

}  // namespace filigree::cli
