#include "filigree/models/bert/train_step.h"

#include <algorithm>
#include <cmath>

#include "filigree/base/error.h"

namespace filigree::models {
namespace {

struct Divisors {
  explicit Divisors(const MlmBatch& batch)
      : predictions(static_cast<double>(std::max<std::size_t>(1, batch.positions.size()))),
        sequences(static_cast<double>(batch.batch)) {}
  double predictions;
  double sequences;
};

void add(const Bert::Loss& loss, const Divisors& divisors, StepResult& result) {
  result.mlm += loss.mlm / divisors.predictions;
  result.loss += loss.mlm / divisors.predictions + loss.next_sentence / divisors.sequences;
  result.accuracy += static_cast<double>(loss.correct) / divisors.predictions;
  result.next_accuracy += static_cast<double>(loss.next_correct) / divisors.sequences;
}

// Drops all gradients at the end of a step, however it ends: an exception must not leave them to the next
// one.
class GradientScope {
 public:
  explicit GradientScope(const ParameterList& parameters) : parameters_(parameters) {}
  ~GradientScope() {
    for (const auto& parameter : parameters_) parameter->value.mutable_grad() = Tensor();
  }
  GradientScope(const GradientScope&) = delete;
  GradientScope& operator=(const GradientScope&) = delete;

 private:
  const ParameterList& parameters_;
};

}  // namespace

StepResult train_step(Bert& model, const MlmBatch& batch, std::int64_t accumulation,
                      const OptimizerConfig& config, double learning_rate, std::int64_t step) {
  const GradientScope scope(model.parameters());
  const Divisors divisors(batch);
  StepResult result;
  for (std::int64_t i = 0; i < accumulation; ++i) {
    const std::int64_t begin = batch.batch * i / accumulation;
    const std::int64_t end = batch.batch * (i + 1) / accumulation;
    if (begin == end) continue;
    const Bert::Loss loss =
        accumulation == 1 ? model.loss(batch, divisors.predictions, divisors.sequences)
                          : model.loss(slice(batch, begin, end), divisors.predictions, divisors.sequences);
    add(loss, divisors, result);
    if (!std::isfinite(result.loss)) {
      fail("the loss is {} at step {}", result.loss, step);
    }
    if (loss.total.defined()) loss.total.backward();
  }
  for (const auto& matrix : model.matrices()) matrix->mask_gradient();
  result.gradient_norm = gradient_norm(model.parameters(), step);
  optimizer_step(config, learning_rate, step, result.gradient_norm, model.parameters());
  return result;
}

StepResult evaluate(const Bert& model, const MlmBatch& batch) {
  const at::NoGradGuard no_grad;
  const Divisors divisors(batch);
  StepResult result;
  add(model.loss(batch, divisors.predictions, divisors.sequences), divisors, result);
  return result;
}

}  // namespace filigree::models
