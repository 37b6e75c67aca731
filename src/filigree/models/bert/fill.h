// Filling in the [MASK]s of a text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace filigree::models {

struct FilledMask {
  std::vector<std::pair<std::string, double>> best;  // pieces and their probabilities, best first
};

// The `top` best pieces at each [MASK] of `text`, by the run's last checkpoint.
// Errors (bad data): the folder holds no checkpoint or vocabulary; the text has no [MASK] or is too long.
std::vector<FilledMask> fill_masks(const std::filesystem::path& run_folder, const std::string& text, int top);

}  // namespace filigree::models
