// Bert against the same model written down once more, in LibTorch's own ops and nothing of ours.
#include "filigree/models/bert/bert.h"
//
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "filigree/models/bert/testing.h"

namespace filigree::models {
namespace {

template <typename T>
Tensor tensor_of(const std::vector<T>& values) {
  return at::from_blob(const_cast<T*>(values.data()), {static_cast<std::int64_t>(values.size())},
                       at::TensorOptions(c10::CppTypeToScalarType<T>::value))
      .to(at::kLong);
}

// The parameters by their names, as leaves of their own, in double.
class Weights {
 public:
  explicit Weights(const Bert& model) {
    for (const auto& parameter : model.parameters()) {
      for (const ParameterPart& part : parameter->parts) {
        const Tensor piece =
            parameter->value.detach().flatten().slice(0, part.offset, part.offset + part.count());
        leaves_[part.name] = piece.view(part.shape).to(at::kDouble).clone().requires_grad_(true);
      }
    }
  }
  const Tensor& at(const std::string& name) const { return leaves_.at(name); }
  std::size_t size() const { return leaves_.size(); }

  Tensor linear(const std::string& name, const Tensor& x) const {
    return at::linear(x, at(name + ".weight"), at(name + ".bias"));
  }
  Tensor norm(const std::string& name, const Tensor& x, double epsilon) const {
    return at::layer_norm(x, {x.size(-1)}, at(name + ".weight"), at(name + ".bias"), epsilon);
  }

 private:
  std::map<std::string, Tensor> leaves_;
};

class Reference {
 public:
  Reference(const Weights& weights, const BertConfig& config) : weights_(weights), config_(config) {}

  Tensor loss(const MlmBatch& batch, double prediction_divisor, double sequence_divisor) const {
    const Tensor hidden = encode(batch).reshape({-1, config_.hidden});
    const Tensor words = weights_.at("bert.embeddings.word_embeddings.weight");
    const Tensor chosen = hidden.index_select(0, tensor_of(batch.positions));
    const Tensor activated = at::gelu(weights_.linear("cls.predictions.transform.dense", chosen));
    const Tensor logits = at::linear(norm("cls.predictions.transform.LayerNorm", activated), words,
                                     weights_.at("cls.predictions.bias"));
    Tensor loss =
        at::cross_entropy_loss(logits, tensor_of(batch.labels), {}, at::Reduction::Sum) / prediction_divisor;
    if (config_.next_sentence) {
      const Tensor first = hidden.view({batch.batch, batch.sequence, -1}).select(1, 0);
      const Tensor pooled = at::tanh(weights_.linear("bert.pooler.dense", first));
      const Tensor next = weights_.linear("cls.seq_relationship", pooled);
      loss = loss + at::cross_entropy_loss(next, tensor_of(batch.next_labels), {}, at::Reduction::Sum) /
                        sequence_divisor;
    }
    return loss;
  }

 private:
  bool pre() const { return config_.norm == NormPlacement::kPre; }
  Tensor norm(const std::string& name, const Tensor& x) const {
    return weights_.norm(name, x, config_.norm_epsilon);
  }

  // [batch, sequence, hidden]
  Tensor encode(const MlmBatch& batch) const {
    const Tensor types = batch.type_ids.empty() ? at::zeros({batch.batch * batch.sequence}, at::kLong)
                                                : tensor_of(batch.type_ids);
    Tensor x = at::embedding(weights_.at("bert.embeddings.word_embeddings.weight"), tensor_of(batch.ids)) +
               at::embedding(weights_.at("bert.embeddings.token_type_embeddings.weight"), types);
    x = x.view({batch.batch, batch.sequence, config_.hidden}) +
        weights_.at("bert.embeddings.position_embeddings.weight").slice(0, 0, batch.sequence);
    x = norm("bert.embeddings.LayerNorm", x);
    for (std::int64_t i = 0; i < config_.layers; ++i)
      x = layer(fmt::format("bert.encoder.layer.{}.", i), x, batch);
    return pre() ? norm("bert.LayerNorm", x) : x;
  }

  Tensor layer(const std::string& name, Tensor x, const MlmBatch& batch) const {
    if (pre()) {
      x = x + attention(name + "attention.", norm(name + "attention.LayerNorm", x), batch);
      return x + feed_forward(name, norm(name + "intermediate.LayerNorm", x));
    }
    x = norm(name + "attention.output.LayerNorm", x + attention(name + "attention.", x, batch));
    return norm(name + "output.LayerNorm", x + feed_forward(name, x));
  }

  Tensor feed_forward(const std::string& name, const Tensor& x) const {
    return weights_.linear(name + "output.dense", at::gelu(weights_.linear(name + "intermediate.dense", x)));
  }

  Tensor attention(const std::string& name, const Tensor& x, const MlmBatch& batch) const {
    const std::int64_t width = config_.hidden / config_.heads;
    const auto heads = [&](const char* what) {
      return weights_.linear(name + "self." + what, x)
          .view({batch.batch, batch.sequence, config_.heads, width})
          .transpose(1, 2);
    };
    const Tensor places = at::arange(batch.sequence, at::kLong).view({1, 1, 1, -1});
    const Tensor padding = places.ge(tensor_of(batch.lengths).view({-1, 1, 1, 1}));
    const Tensor scores =
        at::matmul(heads("query"), heads("key").transpose(2, 3)) / std::sqrt(static_cast<double>(width));
    const Tensor context =
        at::matmul(at::softmax(scores.masked_fill(padding, -INFINITY), -1), heads("value"));
    return weights_.linear(name + "output.dense",
                           context.transpose(1, 2).reshape({batch.batch, batch.sequence, config_.hidden}));
  }

  const Weights& weights_;
  const BertConfig& config_;
};

// Biases and norms too: at zero and one a missing or swapped one would not be seen.
void randomise(const Bert& model) {
  const at::NoGradGuard no_grad;
  Philox random(9, Purpose::kTest, 0);
  for (const auto& parameter : model.parameters()) {
    auto* values = parameter->value.data_ptr<float>();
    for (std::int64_t i = 0; i < parameter->value.numel(); ++i)
      values[i] += static_cast<float>(0.15 * random.normal());
  }
}

TEST(Bert, AgreesWithLibTorchsOwnOps) {
  for (const NormPlacement norm : {NormPlacement::kPost, NormPlacement::kPre}) {
    for (const bool next_sentence : {false, true}) {
      BertConfig config = testing::small_config();
      config.norm = norm;
      config.next_sentence = next_sentence;
      const Bert model(config, 1);
      randomise(model);
      MlmBatch batch = testing::small_batch(5, 3, next_sentence);
      if (next_sentence) {
        for (std::size_t i = 0; i < batch.ids.size(); ++i) batch.type_ids.push_back(i % 16 < 6 ? 0 : 1);
      }
      const Weights weights(model);
      const Tensor expected = Reference(weights, config).loss(batch, 11, 7);
      expected.backward();
      const Bert::Loss loss = model.loss(batch, 11, 7);
      loss.total.backward();
      const double wanted = expected.item<double>();
      EXPECT_NEAR(static_cast<double>(loss.total.item<float>()), wanted, 2e-6 * wanted);
      EXPECT_NEAR(loss.mlm / 11 + loss.next_sentence / 7, wanted, 2e-6 * wanted);

      std::size_t compared = 0;
      for (const auto& parameter : model.parameters()) {
        ASSERT_TRUE(parameter->value.grad().defined()) << parameter->part_name(0);
        const Tensor flat = parameter->value.grad().flatten().to(at::kDouble);
        for (const ParameterPart& part : parameter->parts) {
          const Tensor& gradient = weights.at(part.name).grad();
          ASSERT_TRUE(gradient.defined()) << part.name;
          const Tensor got = flat.slice(0, part.offset, part.offset + part.count());
          // A key's bias moves all scores of a query alike: its gradient is nothing but rounding.
          const double scale = std::max(gradient.abs().max().item<double>(), 1e-2);
          EXPECT_LT((got - gradient.flatten()).abs().max().item<double>(), 1e-4 * scale)
              << part.name << (norm == NormPlacement::kPre ? ", pre" : ", post");
          ++compared;
        }
      }
      EXPECT_EQ(compared, weights.size());
    }
  }
}

}  // namespace
}  // namespace filigree::models
