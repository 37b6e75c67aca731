#include "filigree/models/bert/convert.h"

#include "filigree/base/error.h"
#include "filigree/models/bert/names.h"

namespace filigree::models {
namespace {

// Follows the stream of residual sums: how large it is beside the unscaled model's.
class Ratios {
 public:
  explicit Ratios(const BertConfig& config) : config_(config), factors_(bert_factors(config)) {}

  std::map<std::string, double> all() {
    // The norm behind the embedding takes out any factor that its three tables have in common.
    const double table = config_.tied ? 1 / factors_.decoder[0] : 1 / kInitialStd;
    ratios_[names::kWords] = ratios_[names::kPositions] = ratios_[names::kTypes] = table;
    if (!config_.tied) ratios_[names::kDecoder] = 1 / factors_.decoder[0];
    for (std::int64_t i = 0; i < config_.layers; ++i) layer(i);
    ratios_[names::kTransform] = 1 / factors_.transform[0];
    if (config_.next_sentence) {
      ratios_[names::kPooler] = 1 / factors_.pooler[0];
      ratios_[names::kNext] = 1 / (factors_.next[0] * factors_.pooler_tanh[0]);
    }
    return std::move(ratios_);
  }

 private:
  void layer(std::int64_t index) {
    const names::Layer name(index, config_.norm);
    const BertFactors::Layer& f = factors_.layers[static_cast<std::size_t>(index)];
    ratios_[name.qkv.front()] = 1 / f.qkv[0];
    close_branch(f.attention_sum, f.attention_out[0] * f.attention[0], name.attention_out,
                 name.attention_out_bias);
    ratios_[name.up] = 1 / f.up[0];
    close_branch(f.output_sum, f.down[0] * f.gelu[0], name.down, name.down_bias);
  }

  // `sum`: the weights of branch and stream; `factor`: what the branch's last product is scaled by.
  void close_branch(const BertFactors::List& sum, double factor, const std::string& weight,
                    const std::string& bias) {
    const double after = stream_ * sum[1];
    ratios_[weight] = after / (factor * sum[0]);
    ratios_[bias] = after / sum[0];
    // Where the norm comes behind the sum, it takes the factor out.
    if (config_.norm == NormPlacement::kPre) stream_ = after;
  }

  const BertConfig& config_;
  BertFactors factors_;
  std::map<std::string, double> ratios_;
  double stream_ = 1;
};

std::string first_name(const Parameter& parameter) {
  std::string name = parameter.parts.front().name;
  if (name.ends_with(EncoderMatrix::kValues)) name.resize(name.size() - EncoderMatrix::kValues.size());
  return name;
}

// `unit_scaled` says whose ratios they are; values are multiplied or divided by them.
std::unique_ptr<Bert> converted(const Bert& model, const BertConfig& config, const BertConfig& unit_scaled) {
  const std::map<std::string, double> ratios = unit_scaling_ratios(unit_scaled);
  auto result = std::make_unique<Bert>(config, std::nullopt);
  for (std::size_t m = 0; m < model.matrices().size(); ++m) {
    const auto patterns = model.matrices()[m]->patterns();
    if (!patterns.empty()) result->matrices()[m]->set_patterns({patterns.begin(), patterns.end()});
  }
  for (std::size_t p = 0; p < model.parameters().size(); ++p) {
    const Parameter& from = model.parameters()[p];
    Parameter& to = result->parameters()[p];
    const auto found = ratios.find(first_name(from));
    double factor = found == ratios.end() ? 1 : found->second;
    if (!config.unit_scaling) factor = 1 / factor;
    to.value = (from.value.detach() * factor).requires_grad_(true);
    to.first_moment = at::zeros_like(to.value, at::MemoryFormat::Contiguous).detach();
    to.second_moment = at::zeros_like(to.value, at::MemoryFormat::Contiguous).detach();
  }
  return result;
}

}  // namespace

std::map<std::string, double> unit_scaling_ratios(const BertConfig& config) {
  if (!config.unit_scaling) fail_usage("a model that is not unit-scaled has no factors to fold");
  return Ratios(config).all();
}

std::unique_ptr<Bert> to_unit_scaled(const Bert& model, const UnitScalingConfig& unit_scaling) {
  if (model.config().unit_scaling) fail_usage("the model is unit-scaled already");
  BertConfig config = model.config();
  config.unit_scaling = unit_scaling;
  return converted(model, config, config);
}

std::unique_ptr<Bert> to_unscaled(const Bert& model) {
  if (!model.config().unit_scaling) fail_usage("the model is not unit-scaled");
  BertConfig config = model.config();
  config.unit_scaling.reset();
  return converted(model, config, model.config());
}

}  // namespace filigree::models
