// Filling in the [MASK]s of a text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "filigree/text/wordpiece.h"

namespace filigree::models {

class Bert;

struct FilledMask {
  std::vector<std::pair<std::string, double>> best;  // pieces and their probabilities, best first
};

// The model of one of a run's checkpoints, with its vocabulary.
class MaskFiller {
 public:
  // `checkpoint` empty: the run's last one. Errors (bad data): the folder holds no checkpoint or vocabulary,
  // or they do not fit together.
  explicit MaskFiller(const std::filesystem::path& run_folder, const std::filesystem::path& checkpoint = {});
  ~MaskFiller();

  // The `top` best pieces at each [MASK] of `text`.
  // Errors (bad data): no [MASK]; more pieces than the sequences that the model was trained on.
  std::vector<FilledMask> fill(const std::string& text, int top) const;

 private:
  text::WordPieceTokenizer tokenizer_;
  std::unique_ptr<Bert> model_;
  std::int64_t longest_ = 0;
};

}  // namespace filigree::models
