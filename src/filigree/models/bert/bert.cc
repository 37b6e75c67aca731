#include "filigree/models/bert/bert.h"

#include <fmt/format.h>

#include <algorithm>

#include "filigree/models/bert/names.h"
#include "filigree/models/initialise.h"
#include "filigree/nn/ops/add_layer_norm.h"
#include "filigree/nn/ops/attention.h"
#include "filigree/nn/ops/bias_gelu.h"
#include "filigree/nn/ops/cross_entropy.h"
#include "filigree/nn/ops/embedding.h"
#include "filigree/nn/ops/low_precision_linear.h"
#include "filigree/nn/ops/scale.h"

namespace filigree::models {
namespace {

constexpr std::int64_t kSegmentTypes = 2;

// How far a unit-scaled weight goes in a step of AdamW beside the unscaled one, both as products see them. It
// begins larger than BERT's 0.02, and half the step served it best.
constexpr double kUnitScaledStep = 0.5;

template <typename T>
Tensor as_tensor(const std::vector<T>& values) {
  return at::from_blob(const_cast<T*>(values.data()), {static_cast<std::int64_t>(values.size())},
                       at::TensorOptions(c10::CppTypeToScalarType<T>::value));
}

}  // namespace

Bert::Bert(const BertConfig& config, std::optional<std::uint64_t> seed)
    : config_((config.check(), config)), factors_(bert_factors(config_)), seed_(seed) {
  const std::int64_t h = config_.hidden;
  words_ = &add_table(names::kWords, config_.vocabulary, h);
  positions_ = &add_table(names::kPositions, config_.max_positions, h);
  types_ = &add_table(names::kTypes, kSegmentTypes, h);
  embedding_norm_ = add_norm(names::kEmbeddingNorm);
  for (std::int64_t i = 0; i < config_.layers; ++i) add_layer(i);
  if (config_.norm == NormPlacement::kPre) final_norm_ = add_norm(names::kFinalNorm);
  transform_ = &add_table(names::kTransform, h, h);
  transform_bias_ = &add_bias({names::kTransformBias}, h);
  transform_norm_ = add_norm(names::kTransformNorm);
  vocabulary_bias_ = &add_bias({names::kVocabularyBias}, config_.vocabulary);
  if (config_.next_sentence) {
    pooler_ = &add_table(names::kPooler, h, h);
    pooler_bias_ = &add_bias({names::kPoolerBias}, h);
    next_ = &add_table(names::kNext, 2, h);
    next_bias_ = &add_bias({names::kNextBias}, 2);
  }
  // Last, so that the random streams of the others do not depend on it.
  decoder_ = config_.tied ? words_ : &add_table(names::kDecoder, config_.vocabulary, h);
  if (config_.unit_scaling) set_scaling_of_parameters();
}

Tensor Bert::constant(std::int64_t size, double value) const {
  return at::full({size}, value, at::TensorOptions(at::kFloat).device(seed_ ? at::kCPU : at::kMeta));
}

Parameter& Bert::add_table(const std::string& name, std::int64_t rows, std::int64_t columns) {
  const std::uint64_t index = next_index_++;
  Tensor value = at::empty({rows, columns}, at::TensorOptions(at::kFloat).device(at::kMeta));
  if (seed_) {
    value =
        as_tensor(initial_matrix(initialiser(), *seed_, index, rows, columns)).clone().view({rows, columns});
  }
  return parameters_.add(std::move(value), /*decay=*/true, {{name, 0, {rows, columns}}});
}

Parameter& Bert::add_bias(const std::vector<std::string>& names, std::int64_t each) {
  std::vector<ParameterPart> parts;
  for (const std::string& name : names)
    parts.push_back({name, static_cast<std::int64_t>(parts.size()) * each, {each}});
  const auto total = static_cast<std::int64_t>(names.size()) * each;
  return parameters_.add(constant(total, 0), /*decay=*/false, std::move(parts));
}

Bert::Norm Bert::add_norm(const std::string& name) {
  const std::int64_t h = config_.hidden;
  Parameter& gamma = parameters_.add(constant(h, 1), /*decay=*/false, {{name + ".weight", 0, {h}}});
  return {&gamma, &add_bias({name + ".bias"}, h)};
}

EncoderMatrix* Bert::add_matrix(std::vector<std::string> names, std::int64_t out, std::int64_t in) {
  const std::uint64_t first = next_index_;
  next_index_ += names.size();
  matrices_.push_back(std::make_unique<EncoderMatrix>(std::move(names), out, in, config_.sparsity,
                                                      initialiser(), seed_, first, parameters_));
  return matrices_.back().get();
}

void Bert::add_layer(std::int64_t index) {
  const std::int64_t h = config_.hidden;
  const names::Layer name(index, config_.norm);
  Layer layer{};
  layer.qkv = add_matrix(name.qkv, h, h);
  layer.qkv_bias = &add_bias(name.qkv_bias, h);
  layer.attention_out = add_matrix({name.attention_out}, h, h);
  layer.attention_out_bias = &add_bias({name.attention_out_bias}, h);
  layer.attention_norm = add_norm(name.attention_norm);
  layer.up = add_matrix({name.up}, config_.intermediate, h);
  layer.up_bias = &add_bias({name.up_bias}, config_.intermediate);
  layer.down = add_matrix({name.down}, h, config_.intermediate);
  layer.down_bias = &add_bias({name.down_bias}, h);
  layer.output_norm = add_norm(name.output_norm);
  layers_.push_back(layer);
}

void Bert::set_scaling_of_parameters() {
  for (const auto& parameter : parameters_) {
    std::string name = parameter->parts.front().name;
    if (name.ends_with(EncoderMatrix::kValues)) name.resize(name.size() - EncoderMatrix::kValues.size());
    const BertFactors::Scale& scale = factors_.parameters.at(name);
    parameter->gradient_factor = scale.gradient;
    if (parameter->decay) parameter->learning_rate_factor = kUnitScaledStep / scale.weight;
  }
}

// Every norm is fused with the bias and the residual sum before it. Post-norm: the normalised value is the
// stream. Pre-norm: the sum is, and the norm that follows it belongs to the next module.
Tensor Bert::encode(const MlmBatch& batch) const {
  const bool pre = config_.norm == NormPlacement::kPre;
  const nn::Precision precision = config_.precision;
  const auto norm = [&](const Tensor& x, const OptionalTensor& bias, const OptionalTensor& residual,
                        const Norm& n, const BertFactors::List& factors) {
    return nn::add_layer_norm(x, bias, residual, n.gamma->value, n.beta->value, config_.norm_epsilon,
                              factors);
  };
  const Tensor lengths = as_tensor(batch.lengths).clone();
  const Tensor embedded =
      nn::embed(as_tensor(batch.ids).clone(),
                batch.type_ids.empty() ? OptionalTensor() : as_tensor(batch.type_ids).clone(), words_->value,
                positions_->value, types_->value, batch.sequence, factors_.embed);
  // `stream` of the residual sums, `input` of the next matrix.
  Tensor stream = std::get<1>(norm(embedded, {}, {}, embedding_norm_, factors_.embedding_norm));
  Tensor input = stream;
  if (pre) {
    input = std::get<1>(norm(stream, {}, {}, layers_.front().attention_norm, factors_.first_norm));
  }
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const BertFactors::Layer& f = factors_.layers[i];
    const Tensor qkv = layer.qkv->apply(input, layer.qkv_bias->value, f.qkv, precision);
    const Tensor context = nn::attention(qkv, lengths, config_.heads, f.attention);
    auto [sum, y] = norm(layer.attention_out->apply(context, {}, f.attention_out, precision),
                         layer.attention_out_bias->value, stream,
                         pre ? layer.output_norm : layer.attention_norm, f.attention_sum);
    stream = pre ? sum : y;
    const Tensor activated =
        nn::bias_gelu(layer.up->apply(y, {}, f.up, precision), layer.up_bias->value, f.gelu);
    const bool last = i + 1 == layers_.size();
    const Norm& after = !pre ? layer.output_norm : last ? final_norm_ : layers_[i + 1].attention_norm;
    std::tie(sum, y) = norm(layer.down->apply(activated, {}, f.down, precision), layer.down_bias->value,
                            stream, after, f.output_sum);
    stream = pre ? sum : y;
    input = y;
  }
  return input;
}

Tensor Bert::head(const Tensor& hidden, const MlmBatch& batch) const {
  const nn::Precision precision = config_.head_precision();
  const Tensor chosen = nn::gather_rows(hidden, as_tensor(batch.positions).clone());
  const Tensor activated =
      nn::bias_gelu(nn::linear_in(precision, chosen, transform_->value, {}, factors_.transform),
                    transform_bias_->value, factors_.transform_gelu);
  const Tensor normed = std::get<1>(nn::add_layer_norm(activated, {}, {}, transform_norm_.gamma->value,
                                                       transform_norm_.beta->value, config_.norm_epsilon,
                                                       factors_.transform_norm));
  return nn::linear_in(precision, normed, decoder_->value, {}, factors_.decoder);
}

Tensor Bert::pooled(const Tensor& hidden, const MlmBatch& batch) const {
  std::vector<std::int64_t> first(static_cast<std::size_t>(batch.batch));
  for (std::size_t b = 0; b < first.size(); ++b) first[b] = static_cast<std::int64_t>(b) * batch.sequence;
  const Tensor chosen = nn::gather_rows(hidden, as_tensor(first).clone());
  const Tensor pooled =
      nn::linear_in(config_.head_precision(), chosen, pooler_->value, pooler_bias_->value, factors_.pooler);
  if (!config_.unit_scaling) return at::tanh(pooled);
  const BertFactors::List& factors = factors_.pooler_tanh;
  return nn::scale(at::tanh(nn::scale(pooled, 1, factors[1])), factors[0], 1);
}

Bert::Loss Bert::loss(const MlmBatch& batch, double prediction_divisor, double sequence_divisor) const {
  const Tensor hidden = encode(batch);
  Loss loss;
  if (!batch.positions.empty()) {
    auto [mlm, correct] =
        nn::cross_entropy_consuming(head(hidden, batch), vocabulary_bias_->value,
                                    as_tensor(batch.labels).clone(), prediction_divisor, factors_.masked_lm);
    loss.total = mlm;
    loss.mlm = static_cast<double>(mlm.item<float>()) * prediction_divisor;
    loss.correct = correct.item<std::int64_t>();
  }
  if (config_.next_sentence) {
    auto [next, correct] = nn::cross_entropy_consuming(
        nn::linear_in(config_.head_precision(), pooled(hidden, batch), next_->value, {}, factors_.next),
        next_bias_->value, as_tensor(batch.next_labels).clone(), sequence_divisor, factors_.next_sentence);
    loss.total = loss.total.defined() ? loss.total + next : next;
    loss.next_sentence = static_cast<double>(next.item<float>()) * sequence_divisor;
    loss.next_correct = correct.item<std::int64_t>();
    if (config_.unit_scaling) loss.total = nn::scale(loss.total, 1, factors_.loss_scale[1]);
  }
  return loss;
}

Tensor Bert::predict(const MlmBatch& batch) const {
  const at::NoGradGuard no_grad;
  return at::log_softmax(head(encode(batch), batch) + vocabulary_bias_->value, -1);
}

}  // namespace filigree::models
