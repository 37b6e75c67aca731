#include "filigree/models/bert/record_batches.h"

#include <fmt/format.h>

#include <deque>

#include "filigree/numerics/safetensors.h"

namespace filigree::models {

void record_batches(const PretrainOptions& options, Batches& batches, const Bert& model) {
  std::deque<MlmBatch> kept;
  std::vector<TensorEntry> entries;
  const auto add = [&](std::int64_t i, const char* name, std::vector<std::int64_t> shape,
                       const auto& values) {
    using T = typename std::decay_t<decltype(values)>::value_type;
    entries.push_back(
        tensor_entry<T>(fmt::format("{}.{}", i, name), std::move(shape), std::span<const T>(values)));
  };
  for (std::int64_t i = 0; i < options.record_count; ++i) {
    kept.push_back(batches.training(i, options.batch));
    const MlmBatch& batch = kept.back();
    const auto predictions = static_cast<std::int64_t>(batch.positions.size());
    add(i, "ids", {batch.batch, batch.sequence}, batch.ids);
    add(i, "lengths", {batch.batch}, batch.lengths);
    add(i, "positions", {predictions}, batch.positions);
    add(i, "labels", {predictions}, batch.labels);
    if (!batch.next_labels.empty()) {
      add(i, "types", {batch.batch, batch.sequence}, batch.type_ids);
      add(i, "next_labels", {batch.batch}, batch.next_labels);
    }
  }
  for (const auto& parameter : model.parameters()) {
    for (const ParameterPart& part : parameter->parts) {
      entries.push_back(tensor_entry<float>(
          part.name, part.shape,
          {parameter->value.data_ptr<float>() + part.offset, static_cast<std::size_t>(part.count())}));
    }
  }
  write_safetensors(options.record_batches, entries, {{"batches", std::to_string(options.record_count)}});
}

}  // namespace filigree::models
