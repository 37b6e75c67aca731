#include "filigree/models/bert/validation.h"

#include <algorithm>
#include <cmath>

#include "filigree/base/error.h"
#include "filigree/models/bert/train_step.h"

namespace filigree::models {

std::optional<Validation> validate(const Bert& model, const Batches& batches, std::int64_t size,
                                   std::int64_t most, std::int64_t step) {
  Validation sum{step};
  double predictions = 0;
  double sequences = 0;
  const std::int64_t whole = (batches.sequences() + size - 1) / size;
  for (std::int64_t i = 0; i < std::min(most, whole); ++i) {
    const MlmBatch batch = batches.validation(i, size);
    const StepResult result = evaluate(model, batch);
    if (!std::isfinite(result.loss)) fail("the held-out loss is {} at step {}", result.loss, step);
    const auto count = static_cast<double>(batch.positions.size());
    predictions += count;
    sum.mlm_loss += result.mlm * count;
    sum.accuracy += result.accuracy * count;
    sequences += static_cast<double>(batch.batch);
    sum.next_accuracy += result.next_accuracy * static_cast<double>(batch.batch);
  }
  if (predictions == 0) return std::nullopt;
  return Validation{step, sum.mlm_loss / predictions, sum.accuracy / predictions,
                    sum.next_accuracy / sequences};
}

}  // namespace filigree::models
