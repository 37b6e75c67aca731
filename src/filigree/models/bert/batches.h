// Batches of a corpus, each a pure function of its number: a run resumes anywhere without a cursor.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "filigree/models/bert/batch.h"
#include "filigree/models/bert/masking.h"
#include "filigree/models/bert/windows.h"

namespace filigree::models {

// [CLS] and the [SEP]s of a sequence.
constexpr std::int64_t special_tokens(bool next_sentence) { return next_sentence ? 3 : 2; }

class Batches {
 public:
  // `name` stands for the corpus in messages. Errors (bad data): the corpus was prepared with another
  // vocabulary, is too small, or has nothing to predict.
  Batches(const text::Corpus& corpus, const text::Vocabulary& vocabulary, std::int64_t sequence,
          bool next_sentence, const MaskingConfig& masking, std::uint64_t seed,
          const std::string& name = "corpus");

  // Sequences of one pass over the data.
  std::int64_t sequences() const { return static_cast<std::int64_t>(windows_.size()); }

  // Training batch `index` (from 0) of `size` sequences: sequence index * size + i of an endless row of
  // passes, each shuffled anew and masked anew. Not thread-safe (the order of the last pass is kept).
  MlmBatch training(std::int64_t index, std::int64_t size);

  // Validation batch `index`: the corpus's sequences in an order and with masks that never change, each
  // once: the last batch is shorter, and those behind it are empty.
  MlmBatch validation(std::int64_t index, std::int64_t size) const;

 private:
  void append(std::int64_t window, std::uint64_t stream, std::uint32_t pass, MlmBatch& batch) const;
  // Writes [CLS] A [SEP] B [SEP] of next-sentence prediction; gives the label.
  std::int64_t join_segments(const Window& window, Philox& random, std::vector<std::int32_t>& ids,
                             std::vector<std::int32_t>& types) const;
  // A window of any other document; there are at least two.
  const Window& random_window_outside(std::uint32_t document, Philox& random) const;
  std::vector<std::int32_t> tokens(std::uint64_t begin, std::uint64_t count) const;
  const std::vector<std::uint32_t>& order(std::int64_t pass);

  const text::Corpus& corpus_;
  const text::Vocabulary& vocabulary_;
  std::int64_t sequence_;
  bool next_sentence_;
  Masker masker_;
  std::uint64_t seed_;
  std::vector<Window> windows_;
  std::int64_t ordered_pass_ = -1;
  std::vector<std::uint32_t> order_;
};

}  // namespace filigree::models
