// A unit-scaled BERT: the graph that its factors were solved on is the one that autograd records, its
// gradients are those of its forward pass up to a constant for each parameter, and values and gradients begin
// near a variance of 1.
#include "filigree/models/bert/bert.h"
//
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>

#include <cmath>
#include <map>
#include <string>

#include "filigree/base/error.h"
#include "filigree/base/philox.h"
#include "filigree/models/bert/scaled_graph.h"
#include "filigree/models/bert/testing.h"
#include "filigree/nn/factors.h"
#include "filigree/scaling/same_structure.h"
#include "filigree/scaling/solve.h"

namespace filigree::models {
namespace {

using scaling::Graph;
using scaling::NodeId;

struct Variant {
  NormPlacement norm = NormPlacement::kPost;
  bool next_sentence = false;
  bool tied = true;
  Storage storage = Storage::kDense;
};

std::string text(const Variant& variant) {
  return fmt::format("{}-norm, {} next sentence, {}, storage {}",
                     variant.norm == NormPlacement::kPre ? "pre" : "post",
                     variant.next_sentence ? "with" : "without", variant.tied ? "tied" : "untied",
                     static_cast<int>(variant.storage));
}

std::vector<Variant> variants() {
  std::vector<Variant> all;
  for (const NormPlacement norm : {NormPlacement::kPost, NormPlacement::kPre}) {
    for (const bool next_sentence : {false, true}) {
      for (const bool tied : {false, true}) all.push_back({norm, next_sentence, tied, Storage::kDense});
    }
    all.push_back({norm, false, true, Storage::kSparse});
    all.push_back({norm, false, true, Storage::kMasked});
  }
  return all;
}

BertConfig config_of(const Variant& variant) {
  BertConfig config = testing::small_config();
  config.norm = variant.norm;
  config.next_sentence = variant.next_sentence;
  config.tied = variant.tied;
  config.sparsity.storage = variant.storage;
  config.sparsity.block = 8;
  if (variant.storage != Storage::kDense) config.sparsity.density = 0.5;
  UnitScalingConfig unit_scaling;
  unit_scaling.sequences = 4;
  unit_scaling.sequence = 16;
  unit_scaling.predictions = 12;
  config.unit_scaling = unit_scaling;
  return config;
}

// Rebuilds the graph of ops from what autograd has recorded behind a loss.
class Trace {
 public:
  explicit Trace(const ParameterList& parameters) {
    for (const auto& parameter : parameters) {
      std::string name = parameter->parts.front().name;
      if (name.ends_with(EncoderMatrix::kValues)) name.resize(name.size() - EncoderMatrix::kValues.size());
      names_[parameter->value.unsafeGetTensorImpl()] = name;
    }
  }

  Graph graph(const Tensor& loss) {
    graph_.set_output(node({loss.grad_fn(), 0}));
    return std::move(graph_);
  }

 private:
  static bool is(const std::string& name, const char* op) {
    return name.find(std::string("::") + op + ">") != std::string::npos;
  }

  std::vector<NodeId> inputs(const torch::autograd::Node& function) {
    std::vector<NodeId> nodes;
    for (const torch::autograd::Edge& edge : function.next_edges()) {
      if (edge.is_valid()) nodes.push_back(node(edge));
    }
    return nodes;
  }

  NodeId op(const char* kind, std::vector<NodeId> inputs) {
    const std::size_t count = inputs.size();
    return graph_.op(fmt::format("{} {}", kind, graph_.size()), kind, std::move(inputs),
                     {.output = 1, .inputs = std::vector<double>(count, 1)});
  }

  NodeId node(const torch::autograd::Edge& edge) {
    const std::pair key(edge.function.get(), edge.input_nr);
    if (const auto found = nodes_.find(key); found != nodes_.end()) return found->second;
    const NodeId made = make(edge);
    nodes_[key] = made;
    return made;
  }

  NodeId make(const torch::autograd::Edge& edge) {
    const std::string name = edge.function->name();
    if (const auto* leaf = dynamic_cast<torch::autograd::AccumulateGrad*>(edge.function.get())) {
      return graph_.parameter(names_.at(leaf->variable.unsafeGetTensorImpl()));
    }
    if (is(name, "AddLayerNorm")) return sum_and_norm(edge);
    std::vector<NodeId> from = inputs(*edge.function);
    if (is(name, "Scale")) return from.at(0);
    if (is(name, "Attention")) return op("attention", {from.at(0), from.at(0), from.at(0)});
    const std::pair<const char*, const char*> kinds[] = {
        {"Linear", "linear"}, {"BsrLinear", "linear"},
        {"BiasGelu", "gelu"}, {"CrossEntropy", "cross_entropy"},
        {"Embed", "embed"},   {"GatherRows", "gather_rows"}};
    for (const auto& [function, kind] : kinds) {
      if (is(name, function)) return op(kind, std::move(from));
    }
    if (name == "TanhBackward0") return op("tanh", std::move(from));
    if (name == "AddBackward0") return op("add", std::move(from));
    throw Error("autograd recorded " + name);
  }

  // The sum is the function's first output, the norm its second one. Without a bias and a residual the sum is
  // its input.
  NodeId sum_and_norm(const torch::autograd::Edge& edge) {
    if (edge.input_nr == 1) {
      const NodeId sum = node({edge.function, 0});
      const std::vector<NodeId> from = inputs(*edge.function);
      return op("layer_norm", {sum, from.at(from.size() - 2), from.back()});
    }
    std::vector<NodeId> from = inputs(*edge.function);
    from.resize(from.size() - 2);
    return from.size() == 1 ? from.front() : op("residual_sum", std::move(from));
  }

  std::map<const void*, std::string> names_;
  std::map<std::pair<const torch::autograd::Node*, std::uint32_t>, NodeId> nodes_;
  Graph graph_;
};

// Without what autograd does not see: the beginnings of branches, which products take along.
Graph as_recorded(const Graph& graph) {
  std::vector<scaling::Node> kept;
  std::vector<NodeId> place(graph.size());
  for (const NodeId id : graph.order()) {
    scaling::Node node = graph[id];
    if (node.kind == "residual_split" || node.kind == "scale") {
      place[id] = place[node.inputs[0]];
      continue;
    }
    for (NodeId& input : node.inputs) input = place[input];
    place[id] = kept.size();
    kept.push_back(std::move(node));
  }
  return Graph(std::move(kept), place[graph.output()]);
}

Bert::Loss loss_of(const Bert& model, const MlmBatch& batch) {
  return model.loss(batch, static_cast<double>(batch.positions.size()), static_cast<double>(batch.batch));
}

TEST(UnitScaledBert, IsTheGraphThatWasSolved) {
  for (const Variant& variant : variants()) {
    const Bert model(config_of(variant), 1);
    const Bert::Loss loss = loss_of(model, testing::small_batch(4, 1, variant.next_sentence));
    const Graph traced = Trace(model.parameters()).graph(loss.total);
    std::string difference;
    EXPECT_TRUE(scaling::same_structure(as_recorded(bert_graph(model.config())), traced, &difference))
        << text(variant) << ": " << difference;
    // The comparison itself: another graph is another one.
    Variant other = variant;
    other.tied = !other.tied;
    EXPECT_FALSE(scaling::same_structure(as_recorded(bert_graph(config_of(other))), traced, &difference));
  }
}

TEST(UnitScaledBert, TyingBindsWhatIsFreeWithout) {
  const auto bound = [](bool tied, const std::string& node, std::size_t input) -> bool {
    const Graph graph = bert_graph(config_of({.tied = tied}));
    return scaling::solve(graph).bound[graph.find(node)][input];
  };
  EXPECT_TRUE(bound(true, "embed", 0));
  EXPECT_FALSE(bound(false, "embed", 0));
  EXPECT_TRUE(bound(true, "decoder", 1));
  EXPECT_FALSE(bound(false, "decoder", 1));
  EXPECT_TRUE(bound(true, "transform", 0));
  EXPECT_FALSE(bound(false, "transform", 0));
  // Inside a residual branch either way; and a weight that is used once never.
  for (const bool tied : {false, true}) {
    EXPECT_TRUE(bound(tied, "layer.0.up", 0));
    EXPECT_FALSE(bound(tied, "layer.0.up", 1));
  }
  const BertFactors with = bert_factors(config_of({.tied = true}));
  const BertFactors without = bert_factors(config_of({.tied = false}));
  EXPECT_NE(with.decoder, without.decoder);
  EXPECT_NE(with.embed, without.embed);
  EXPECT_EQ(with.layers[0].up, without.layers[0].up);
}

// In double, so that only the factors can make a difference.
void make_double(Bert& model) {
  for (const auto& parameter : model.parameters()) {
    parameter->value = parameter->value.detach().to(at::kDouble).requires_grad_(true);
  }
}

// Biases and norms leave the values at which some gradients vanish.
void perturb_vectors(Bert& model) {
  std::uint64_t index = 0;
  for (const auto& parameter : model.parameters()) {
    ++index;
    if (parameter->decay) continue;
    Philox random(5, Purpose::kTest, index);
    auto* data = parameter->value.data_ptr<float>();
    for (std::int64_t i = 0; i < parameter->value.numel(); ++i) {
      data[i] += static_cast<float>(0.3 * random.normal());
    }
  }
}

std::vector<Tensor> gradients_of(const Bert& model, const MlmBatch& batch) {
  std::vector<Tensor> gradients;
  for (const auto& parameter : model.parameters()) parameter->value.mutable_grad() = Tensor();
  loss_of(model, batch).total.backward();
  for (const auto& parameter : model.parameters()) gradients.push_back(parameter->value.grad().clone());
  return gradients;
}

// Of the loss along `direction` in one parameter, by central differences.
double slope(const Bert& model, const MlmBatch& batch, Parameter& parameter, const Tensor& direction) {
  const at::NoGradGuard no_grad;
  constexpr double kStep = 1e-5;
  const Tensor kept = parameter.value.clone();
  const auto at = [&](double step) {
    parameter.value.copy_(kept + step * direction);
    return loss_of(model, batch).total.item<double>();
  };
  const double result = (at(kStep) - at(-kStep)) / (2 * kStep);
  parameter.value.copy_(kept);
  return result;
}

// The gradient of a parameter is a multiple of the true one exactly where slopes along random directions are
// the same multiple of what it predicts for them. The largest difference, relative to the gradient's size.
double worst_direction(const Bert& model, const MlmBatch& batch) {
  const std::vector<Tensor> gradients = gradients_of(model, batch);
  double worst = 0;
  for (std::size_t p = 0; p < gradients.size(); ++p) {
    Parameter& parameter = model.parameters()[p];
    const double norm = gradients[p].norm().item<double>();
    if (norm == 0) continue;  // of positions beyond the sequences and the like
    // Along the gradient itself, for the multiple; then along another one.
    const double multiple = slope(model, batch, parameter, gradients[p] / norm) / norm;
    EXPECT_GT(multiple, 0);
    Philox random(9, Purpose::kTest, p);
    Tensor direction = at::empty_like(gradients[p]);
    auto* data = direction.data_ptr<double>();
    for (std::int64_t i = 0; i < direction.numel(); ++i) data[i] = random.normal();
    direction /= direction.norm();
    const double predicted = (direction * gradients[p]).sum().item<double>();
    const double measured = slope(model, batch, parameter, direction) / multiple;
    worst = std::max(worst, std::abs(measured - predicted) / norm);
  }
  return worst;
}

TEST(UnitScaledBert, GradientsAreThoseOfTheForwardPassUpToAConstant) {
  for (const Variant& variant : variants()) {
    if (variant.storage == Storage::kMasked) continue;  // its gradient reaches beyond the mask
    for (const scaling::ConstraintName& entry : scaling::constraint_names()) {
      if (entry.constraint == scaling::Constraint::kNone) continue;
      const bool first = variant.norm == NormPlacement::kPost && !variant.next_sentence && variant.tied &&
                         variant.storage == Storage::kDense;
      if (!first && entry.constraint != scaling::Constraint::kGeometricMean) continue;
      BertConfig config = config_of(variant);
      config.layers = 1;
      config.unit_scaling->constraint = entry.constraint;
      Bert model(config, 1);
      perturb_vectors(model);
      make_double(model);
      const double worst = worst_direction(model, testing::small_batch(1, 1, variant.next_sentence));
      EXPECT_LT(worst, 1e-6) << text(variant) << ", " << entry.name;
    }
  }
}

// Full sequences of tokens drawn evenly, as the rules assume.
MlmBatch even_batch(const BertConfig& config, std::uint64_t index) {
  const UnitScalingConfig& shape = *config.unit_scaling;
  Philox random(2, Purpose::kTest, index);
  MlmBatch batch;
  batch.batch = shape.sequences;
  batch.sequence = shape.sequence;
  batch.lengths.assign(static_cast<std::size_t>(shape.sequences), static_cast<std::int32_t>(shape.sequence));
  const auto piece = [&] { return random.below(static_cast<std::uint64_t>(config.vocabulary)); };
  for (std::int64_t t = 0; t < shape.tokens(); ++t) batch.ids.push_back(static_cast<std::int32_t>(piece()));
  for (std::int64_t p = 0; p < shape.predictions; ++p) {
    batch.positions.push_back(p * shape.tokens() / shape.predictions);
    batch.labels.push_back(static_cast<std::int64_t>(piece()));
  }
  return batch;
}

// The largest and the smallest root mean square of a parameter's first gradient.
std::pair<double, double> gradient_range(const Bert& model, const MlmBatch& batch) {
  double largest = 0;
  double smallest = HUGE_VAL;
  for (const Tensor& gradient : gradients_of(model, batch)) {
    const double rms = gradient.square().mean().sqrt().item<double>();
    largest = std::max(largest, rms);
    smallest = std::min(smallest, rms);
  }
  return {largest, smallest};
}

TEST(UnitScaledBert, GradientsOfParametersBeginNearOne) {
  for (const NormPlacement norm : {NormPlacement::kPost, NormPlacement::kPre}) {
    BertConfig config = config_of({.norm = norm});
    config.vocabulary = 500;
    config.layers = 4;
    config.hidden = 128;
    config.heads = 2;
    config.intermediate = 512;
    config.max_positions = 32;
    config.unit_scaling->sequences = 8;
    config.unit_scaling->sequence = 32;
    config.unit_scaling->predictions = 40;
    const MlmBatch batch = even_batch(config, 1);
    const auto [largest, smallest] = gradient_range(Bert(config, 1), batch);
    EXPECT_LT(largest, 4);
    EXPECT_GT(smallest, 0.1);
    // Without unit scaling they are smaller, and orders of magnitude apart.
    config.unit_scaling.reset();
    const auto [unscaled_largest, unscaled_smallest] = gradient_range(Bert(config, 1), batch);
    EXPECT_LT(unscaled_smallest, 1e-3);
    EXPECT_GT(unscaled_largest / unscaled_smallest, 100);
  }
}

// With each constant divided out, a gradient is that of the weight which the unscaled model would hold:
// slopes of the loss along it, times what its op multiplies the weight by.
TEST(UnitScaledBert, GradientFactorsAreWhatTheyAreDividedBy) {
  Bert model(config_of({.next_sentence = true}), 1);
  perturb_vectors(model);
  make_double(model);
  const BertFactors factors = bert_factors(model.config());
  const MlmBatch batch = testing::small_batch(2, 1, true);
  const std::vector<Tensor> gradients = gradients_of(model, batch);
  for (std::size_t p = 0; p < gradients.size(); ++p) {
    Parameter& parameter = model.parameters()[p];
    const double norm = gradients[p].norm().item<double>();
    const double held = factors.parameters.at(parameter.parts.front().name).weight;
    const double unscaled = slope(model, batch, parameter, gradients[p] / norm) / held;
    EXPECT_NEAR(norm / parameter.gradient_factor / unscaled, 1, 1e-5) << parameter.parts.front().name;
  }
}

// Blocks are whole: of 32 x 32 in blocks of 32 there is one, whatever the density.
TEST(UnitScaledBert, FactorsFollowTheBlocksThatExist) {
  const auto factors = [](double density) {
    BertConfig config = config_of({.storage = Storage::kSparse});
    config.sparsity.block = 32;
    config.sparsity.density = density;
    return bert_factors(config);
  };
  EXPECT_EQ(factors(1e-5).layers[0].qkv, factors(1).layers[0].qkv);
  EXPECT_NE(factors(0.5).layers[0].up, factors(1).layers[0].up);
}

}  // namespace
}  // namespace filigree::models
