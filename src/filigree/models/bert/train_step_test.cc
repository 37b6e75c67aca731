#include "filigree/models/bert/train_step.h"
//
#include <gtest/gtest.h>

#include <cmath>

#include "filigree/base/error.h"
#include "filigree/models/bert/testing.h"

namespace filigree::models {
namespace {

Tensor all_values(const Bert& model) {
  std::vector<Tensor> flat;
  for (const auto& parameter : model.parameters())
    flat.push_back(parameter->value.detach().flatten().clone());
  return at::cat(flat);
}

BertConfig sparse_config(Storage storage) {
  BertConfig config = testing::small_config();
  config.sparsity = {storage, 0.3, 4};
  return config;
}

TEST(TrainStep, AccumulationGivesTheWholeBatchsStep) {
  for (const bool next_sentence : {false, true}) {
    BertConfig config = testing::small_config();
    config.next_sentence = next_sentence;
    Bert whole(config, 1);
    Bert sliced(config, 1);
    const MlmBatch batch = testing::small_batch(7, 0, next_sentence);
    const StepResult a = train_step(whole, batch, 1, {}, 1e-3, 1);
    const StepResult b = train_step(sliced, batch, 3, {}, 1e-3, 1);
    EXPECT_NEAR(a.loss, b.loss, 1e-5);
    EXPECT_NEAR(a.gradient_norm, b.gradient_norm, 1e-4);
    EXPECT_EQ(a.accuracy, b.accuracy);
    EXPECT_LT((all_values(whole) - all_values(sliced)).abs().max().item<float>(), 2e-4);
  }
}

TEST(TrainStep, LearnsABatchByHeart) {
  for (const NormPlacement norm : {NormPlacement::kPost, NormPlacement::kPre}) {
    for (const Storage storage : {Storage::kDense, Storage::kSparse}) {
      BertConfig config = storage == Storage::kDense ? testing::small_config() : sparse_config(storage);
      config.norm = norm;
      Bert model(config, 1);
      const MlmBatch batch = testing::small_batch(4, 0);
      double loss = 0;
      for (int step = 1; step <= 120; ++step) loss = train_step(model, batch, 1, {}, 5e-3, step).loss;
      EXPECT_LT(loss, 0.3);
      EXPECT_LT(evaluate(model, batch).loss, 0.3);
    }
  }
}

TEST(TrainStep, SparseAndMaskedAgreeToRounding) {
  Bert sparse(sparse_config(Storage::kSparse), 1);
  Bert masked(sparse_config(Storage::kMasked), 1);
  for (int step = 1; step <= 20; ++step) {
    const MlmBatch batch = testing::small_batch(4, static_cast<std::uint64_t>(step));
    const StepResult a = train_step(sparse, batch, 1, {}, 1e-3, step);
    const StepResult b = train_step(masked, batch, 1, {}, 1e-3, step);
    EXPECT_NEAR(a.loss, b.loss, 1e-4) << step;
    EXPECT_NEAR(a.gradient_norm, b.gradient_norm, 1e-3) << step;
  }
}

TEST(TrainStep, ABatchWithoutPredictionsTeachesNothing) {
  for (const Storage storage : {Storage::kDense, Storage::kSparse, Storage::kMasked}) {
    Bert model(storage == Storage::kDense ? testing::small_config() : sparse_config(storage), 1);
    MlmBatch batch = testing::small_batch(4, 0);
    batch.positions.clear();
    batch.labels.clear();
    const Tensor before = all_values(model);
    EXPECT_EQ(train_step(model, batch, 1, {}, 1e-3, 1).loss, 0);
    EXPECT_TRUE(at::equal(all_values(model), before));
  }
}

TEST(TrainStep, PaddingChangesNothing) {
  Bert model(testing::small_config(), 1);
  MlmBatch batch = testing::small_batch(4, 0);
  const double before = evaluate(model, batch).loss;
  for (std::int64_t b = 0; b < batch.batch; ++b) {
    for (std::int64_t i = batch.lengths[static_cast<std::size_t>(b)]; i < 16; ++i) {
      batch.ids[static_cast<std::size_t>(b * 16 + i)] = 33;
    }
  }
  EXPECT_EQ(evaluate(model, batch).loss, before);
}

TEST(TrainStep, NonFiniteValuesStopItAndNameTensorAndStep) {
  Bert model(testing::small_config(), 1);
  const MlmBatch batch = testing::small_batch(4, 0);
  train_step(model, batch, 1, {}, 1e-3, 1);
  const Tensor before = all_values(model);
  {
    const at::NoGradGuard no_grad;
    model.parameters()[0].value[7].fill_(NAN);
  }
  MlmBatch touched = batch;
  touched.ids[3] = 7;
  try {
    train_step(model, touched, 1, {}, 1e-3, 2);
    FAIL() << "the step went through";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("step 2"), std::string::npos) << error.what();
    EXPECT_EQ(error.code(), ExitCode::kFailed);
  }
  {
    const at::NoGradGuard no_grad;
    model.parameters()[0].value[7].copy_(before.slice(0, 7 * 32, 8 * 32));
  }
  EXPECT_TRUE(at::equal(all_values(model), before));  // nothing was updated
  for (const auto& parameter : model.parameters()) EXPECT_FALSE(parameter->value.grad().defined());
}

TEST(TrainStep, AGradientWhoseSquareOverflowsStopsIt) {
  const Bert model(testing::small_config(), 1);
  ParameterList& parameters = const_cast<Bert&>(model).parameters();
  parameters[0].value.mutable_grad() = at::full_like(parameters[0].value, 1e20);
  OptimizerConfig config;
  config.clip = 0;
  const Tensor before = all_values(model);
  EXPECT_THROW(optimizer_step(config, 1e-3, 1, gradient_norm(parameters, 1), parameters), Error);
  EXPECT_TRUE(at::equal(all_values(model), before));
  config.clip = 1;  // scaled first, it is harmless
  optimizer_step(config, 1e-3, 1, gradient_norm(parameters, 1), parameters);
  EXPECT_TRUE(parameters[0].second_moment.isfinite().all().item<bool>());
}

TEST(CheckFinite, NamesTheTensorThatIsNotFinite) {
  const Bert model(testing::small_config(), 1);
  EXPECT_NO_THROW(check_finite(model.parameters(), 1));
  const at::NoGradGuard no_grad;
  for (const auto& parameter : model.parameters()) {
    for (const Tensor& tensor : {parameter->value, parameter->first_moment, parameter->second_moment}) {
      const ParameterPart& part = parameter->parts.back();
      tensor.flatten()[part.offset] = INFINITY;
      try {
        check_finite(model.parameters(), 12);
        ADD_FAILURE() << part.name;
      } catch (const Error& error) {
        const std::string message = error.what();
        EXPECT_NE(message.find(part.name), std::string::npos) << message;
        EXPECT_NE(message.find("inf at step 12"), std::string::npos) << message;
        EXPECT_EQ(error.code(), ExitCode::kFailed);
      }
      tensor.flatten()[part.offset] = 0;
    }
  }
}

TEST(GradientNorm, NamesTheTensorThatIsNotFinite) {
  Bert model(testing::small_config(), 1);
  for (const auto& parameter : model.parameters())
    parameter->value.mutable_grad() = at::ones_like(parameter->value);
  const auto count = static_cast<double>(model.parameters().element_count());
  EXPECT_NEAR(gradient_norm(model.parameters(), 1), std::sqrt(count), 1e-6);
  for (const auto& parameter : model.parameters()) {
    for (const ParameterPart& part : parameter->parts) {
      if (part.name != "bert.encoder.layer.1.attention.self.key.weight") continue;
      parameter->value.mutable_grad().flatten()[part.offset + 5] = INFINITY;
    }
  }
  try {
    gradient_norm(model.parameters(), 12);
    FAIL();
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("layer.1.attention.self.key.weight"), std::string::npos) << message;
    EXPECT_NE(message.find("step 12"), std::string::npos);
  }
}

}  // namespace
}  // namespace filigree::models
