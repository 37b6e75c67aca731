// Choosing what to predict: masked language modelling as in BERT, but for one thing: special pieces ([UNK]
// too, of which nothing can be learned) are neither counted nor chosen.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "filigree/base/philox.h"
#include "filigree/text/vocabulary.h"

namespace filigree::models {

struct MaskingConfig {
  double share = 0.15;     // of the tokens
  std::int64_t most = 20;  // predictions in a sequence
  bool whole_word = true;

  // Predictions in a sequence with `tokens` that are not special, where whole words fit exactly:
  // max(1, round(share * tokens)), at most `most` and `tokens`.
  std::int64_t predictions(std::int64_t tokens) const;
};

class Masker {
 public:
  Masker(const text::Vocabulary& vocabulary, const MaskingConfig& config);

  // Picks MaskingConfig::predictions() of the tokens that are not special, whole words at a time (a word is
  // left out where it would exceed the number; where that leaves none, the first pieces of one are taken),
  // replaces 80 % of them by [MASK], 10 % by a random ordinary piece and keeps 10 %. `ids` is changed; places
  // rise, labels are what stood there.
  void mask(Philox& random, std::span<std::int32_t> ids, std::vector<std::int64_t>& places,
            std::vector<std::int64_t>& labels) const;

 private:
  MaskingConfig config_;
  std::int32_t mask_id_;
  std::vector<bool> special_;
  std::vector<bool> continues_;
  std::vector<std::int32_t> ordinary_;  // pieces that may stand in for another
};

}  // namespace filigree::models
