#include "filigree/models/bert/convert.h"
//
#include <gtest/gtest.h>

#include "filigree/base/error.h"
#include "filigree/base/philox.h"
#include "filigree/models/bert/testing.h"

namespace filigree::models {
namespace {

// All parameters away from their initial values, biases and norms too.
void perturb(const Bert& model) {
  std::uint64_t index = 0;
  for (const auto& parameter : model.parameters()) {
    Philox random(5, Purpose::kTest, ++index);
    const at::NoGradGuard no_grad;
    for (std::int64_t i = 0; i < parameter->value.numel(); ++i) {
      parameter->value.data_ptr<float>()[i] += static_cast<float>(0.05 * random.normal());
    }
  }
}

double largest(const Tensor& tensor) { return tensor.abs().max().item<double>(); }

double next_sentence_loss(const Bert& model, const MlmBatch& batch) {
  const at::NoGradGuard no_grad;
  return model.loss(batch, 1, 1).next_sentence;
}

UnitScalingConfig scaling_of(std::optional<double> share) {
  UnitScalingConfig scaling;
  scaling.residual_share = share;
  scaling.sequences = 4;
  scaling.sequence = 16;
  scaling.predictions = 12;
  return scaling;
}

TEST(Convert, UnitScaledAndUnscaledModelsComputeTheSame) {
  for (const NormPlacement norm : {NormPlacement::kPost, NormPlacement::kPre}) {
    for (const bool tied : {true, false}) {
      for (const Storage storage : {Storage::kDense, Storage::kSparse}) {
        for (const std::optional<double> share : {std::optional<double>(0.1), std::optional<double>()}) {
          BertConfig config = testing::small_config();
          config.norm = norm;
          config.tied = tied;
          config.next_sentence = true;
          config.sparsity = {storage, storage == Storage::kDense ? 1 : 0.4, 8};
          const Bert model(config, 1);
          perturb(model);
          const auto scaled = to_unit_scaled(model, scaling_of(share));
          const auto back = to_unscaled(*scaled);
          const MlmBatch batch = testing::small_batch(3, 1, /*next_sentence=*/true);
          const Tensor expected = model.predict(batch);
          EXPECT_LT(largest(scaled->predict(batch) - expected), 1e-5);
          EXPECT_LT(largest(back->predict(batch) - expected), 1e-5);
          EXPECT_NEAR(next_sentence_loss(*scaled, batch), next_sentence_loss(model, batch), 1e-5);
          for (std::size_t p = 0; p < model.parameters().size(); ++p) {
            const Tensor& before = model.parameters()[p].value;
            EXPECT_LT(largest(back->parameters()[p].value - before), 1e-6 * (1 + largest(before)));
          }
          // Not by chance: the weights differ.
          EXPECT_GT(largest(scaled->parameters()[0].value - model.parameters()[0].value), 0.1);
        }
      }
    }
  }
}

TEST(Convert, RefusesWhatIsThereAlready) {
  const Bert model(testing::small_config(), 1);
  EXPECT_THROW(to_unscaled(model), Error);
  const auto scaled = to_unit_scaled(model, scaling_of(0.1));
  EXPECT_THROW(to_unit_scaled(*scaled, scaling_of(0.1)), Error);
}

}  // namespace
}  // namespace filigree::models
