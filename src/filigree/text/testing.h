// Helpers of this module's tests.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "filigree/text/vocabulary.h"

namespace filigree::text {

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
