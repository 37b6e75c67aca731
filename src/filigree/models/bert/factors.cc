#include "filigree/models/bert/factors.h"

#include "filigree/nn/ops/add_layer_norm.h"
//
#include <fmt/format.h>

#include "filigree/models/bert/scaled_graph.h"
#include "filigree/nn/factors.h"
#include "filigree/scaling/solve.h"

namespace filigree::models {
namespace {

using List = BertFactors::List;

// Picks ops' factors from the solution of a model's graph.
class Solved {
 public:
  explicit Solved(const BertConfig& config)
      : config_(config),
        graph_(bert_graph(config)),
        solution_(scaling::solve(graph_, {.constraint = config.unit_scaling->constraint})) {}

  const scaling::Factors& of(const std::string& node) const { return solution_.factors[graph_.find(node)]; }
  List list(const std::string& node) const { return nn::factor_list(of(node)); }

  // A product at the beginning of branch `index`, whose weight its gradient takes along.
  List first_of_branch(const std::string& node, std::int64_t index) const {
    List list = this->list(node);
    list[1] *= residual_weights(*config_.unit_scaling, index).branch;
    return list;
  }

  List norm(const std::string& node) const { return with_norm({}, node).list(); }

  // The sum that ends branch `index`, with the norm `node` that follows.
  List sum_and_norm(const std::string& sum, const std::string& norm, std::int64_t index) const {
    const scaling::ResidualWeights weights = residual_weights(*config_.unit_scaling, index);
    const scaling::Factors& factors = of(sum);
    nn::AddLayerNormFactors all;
    all.sum = {.branch = weights.branch,
               .residual = weights.skip,
               .branch_gradient = weights.branch * factors.inputs[0],
               .residual_gradient = weights.skip * factors.inputs[2]};
    all.bias = weights.branch * factors.inputs[1];
    return with_norm(all, norm).list();
  }

  std::map<std::string, BertFactors::Scale> parameters() const {
    std::map<std::string, BertFactors::Scale> scales;
    for (const scaling::NodeId id : graph_.order()) {
      const scaling::Node& op = graph_[id];
      for (const scaling::NodeId input : op.inputs) {
        if (graph_[input].type != scaling::NodeType::kParameter) continue;
        // nn adds the bias of a product to what is scaled, which the graph has in front of the factor: it is
        // held as it is, and the constant is of a smaller derivative.
        const bool bias = op.kind == "linear" && input != op.inputs[1];
        const bool scaled = op.kind == "linear" || op.kind == "embed";
        const double output = scaled ? solution_.factors[id].output : 1;
        scales[graph_[input].name] = {bias ? 1 : output, solution_.gradient_constant(input) * output};
      }
    }
    return scales;
  }

 private:
  nn::AddLayerNormFactors with_norm(nn::AddLayerNormFactors factors, const std::string& node) const {
    const scaling::Factors& norm = of(node);
    factors.gamma = norm.inputs[1];
    factors.beta = norm.inputs[2];
    return factors;
  }

  const BertConfig& config_;
  scaling::Graph graph_;
  scaling::Solution solution_;
};

BertFactors::Layer layer_factors(const Solved& solved, const BertConfig& config, std::int64_t i) {
  const bool pre = config.norm == NormPlacement::kPre;
  const std::string node = fmt::format("layer.{}.", i);
  // Where the norm comes first, the one behind a sum is the next branch's.
  const std::string next =
      i + 1 < config.layers ? fmt::format("layer.{}.attention.norm", i + 1) : "final_norm";
  BertFactors::Layer layer;
  layer.qkv = solved.first_of_branch(node + "qkv", 2 * i);
  layer.attention = solved.list(node + "attention");
  layer.attention_out = solved.list(node + "attention_out");
  layer.attention_sum =
      solved.sum_and_norm(node + "attention.sum", node + (pre ? "ffn.norm" : "attention.norm"), 2 * i);
  layer.up = solved.first_of_branch(node + "up", 2 * i + 1);
  layer.gelu = solved.list(node + "gelu");
  layer.down = solved.list(node + "down");
  layer.output_sum = solved.sum_and_norm(node + "ffn.sum", pre ? next : node + "ffn.norm", 2 * i + 1);
  return layer;
}

}  // namespace

BertFactors bert_factors(const BertConfig& config) {
  BertFactors factors;
  factors.layers.resize(static_cast<std::size_t>(config.layers));
  if (!config.unit_scaling) return factors;
  const Solved solved(config);
  factors.embed = solved.list("embed");
  factors.embedding_norm = solved.norm("embedding_norm");
  if (config.norm == NormPlacement::kPre) factors.first_norm = solved.norm("layer.0.attention.norm");
  for (std::int64_t i = 0; i < config.layers; ++i) {
    factors.layers[static_cast<std::size_t>(i)] = layer_factors(solved, config, i);
  }
  factors.transform = solved.list("transform");
  factors.transform_gelu = solved.list("transform_gelu");
  factors.transform_norm = solved.norm("transform_norm");
  factors.decoder = solved.list("decoder");
  factors.masked_lm = solved.list("masked_lm");
  if (config.next_sentence) {
    factors.pooler = solved.list("pooler");
    factors.pooler_tanh = solved.list("pooler_tanh");
    factors.next = solved.list("next");
    factors.next_sentence = solved.list("next_sentence");
    factors.loss_scale = solved.list("loss_scale");
  }
  factors.parameters = solved.parameters();
  return factors;
}

}  // namespace filigree::models
