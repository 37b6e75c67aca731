#include "filigree/models/bert/batch.h"

namespace filigree::models {

MlmBatch slice(const MlmBatch& whole, std::int64_t begin, std::int64_t end) {
  MlmBatch part;
  part.batch = end - begin;
  part.sequence = whole.sequence;
  const std::int64_t first = begin * whole.sequence;
  const std::int64_t last = end * whole.sequence;
  part.ids.assign(whole.ids.begin() + first, whole.ids.begin() + last);
  if (!whole.type_ids.empty())
    part.type_ids.assign(whole.type_ids.begin() + first, whole.type_ids.begin() + last);
  part.lengths.assign(whole.lengths.begin() + begin, whole.lengths.begin() + end);
  if (!whole.next_labels.empty()) {
    part.next_labels.assign(whole.next_labels.begin() + begin, whole.next_labels.begin() + end);
  }
  for (std::size_t i = 0; i < whole.positions.size(); ++i) {
    if (whole.positions[i] < first || whole.positions[i] >= last) continue;
    part.positions.push_back(whole.positions[i] - first);
    part.labels.push_back(whole.labels[i]);
  }
  return part;
}

}  // namespace filigree::models
