// One batch of masked language modelling.
#pragma once

#include <cstdint>
#include <vector>

namespace filigree::models {

struct MlmBatch {
  std::int64_t batch = 0;
  std::int64_t sequence = 0;
  std::vector<std::int32_t> ids;          // [batch * sequence], [PAD] behind each length
  std::vector<std::int32_t> type_ids;     // the same, or empty: all of segment 0
  std::vector<std::int32_t> lengths;      // [batch]
  std::vector<std::int64_t> positions;    // [predictions]: rows of ids that are to be predicted, rising
  std::vector<std::int64_t> labels;       // [predictions]: what stood there
  std::vector<std::int64_t> next_labels;  // [batch]: 0 where B follows A, 1 where it is random; or empty
};

// Sequences [begin, end) of a batch.
MlmBatch slice(const MlmBatch& whole, std::int64_t begin, std::int64_t end);

}  // namespace filigree::models
