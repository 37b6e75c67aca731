// The loss on held-out text.
#pragma once

#include "filigree/models/bert/bert.h"
//
#include <optional>

#include "filigree/models/bert/batches.h"

namespace filigree::models {

struct Validation {
  std::int64_t step = 0;     // whose weights were evaluated
  double mlm_loss = 0;       // nats a prediction
  double accuracy = 0;       // share of the predictions that are right
  double next_accuracy = 0;  // share of the sequences
};

// Evaluates the first `most` validation batches of `size` sequences (fewer where there are no more); nothing
// where these have no prediction. Errors (failed): a loss that is NaN or infinite; the message names `step`.
std::optional<Validation> validate(const Bert& model, const Batches& batches, std::int64_t size,
                                   std::int64_t most, std::int64_t step);

}  // namespace filigree::models
