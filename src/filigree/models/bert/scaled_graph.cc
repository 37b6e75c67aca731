#include "filigree/models/bert/scaled_graph.h"

#include <fmt/format.h>

#include <cmath>

#include "filigree/base/error.h"
#include "filigree/models/bert/names.h"
#include "filigree/scaling/attention.h"
#include "filigree/scaling/elementwise.h"
#include "filigree/scaling/pointwise.h"
#include "filigree/scaling/products.h"
#include "filigree/scaling/softmax.h"
#include "filigree/sparse/bsr_pattern.h"

namespace filigree::models {
namespace {

using scaling::Factors;
using scaling::NodeId;

// Of a bias that is added to `rows` rows: its gradient sums them. `gradient` is that of the sum.
double bias_factor(double gradient, std::int64_t rows) {
  return gradient / std::sqrt(static_cast<double>(rows));
}

class GraphBuilder {
 public:
  explicit GraphBuilder(const BertConfig& config) : config_(config), scaling_(*config.unit_scaling) {}

  scaling::Graph build() {
    const NodeId hidden = encode();
    NodeId loss = masked_lm(hidden);
    if (config_.next_sentence) loss = both(loss, next_sentence(hidden));
    graph_.set_output(loss);
    return std::move(graph_);
  }

 private:
  NodeId parameter(const std::string& name) { return graph_.parameter(name); }

  NodeId embed() {
    const std::int64_t tokens = scaling_.tokens();
    // Three vectors of variance 1; rows of each table that a batch uses.
    Factors factors = scaling::add(tokens, {tokens, tokens, tokens});
    factors.inputs = {scaling::embedding(config_.vocabulary, tokens).inputs[0],
                      scaling::embedding(scaling_.sequence, tokens).inputs[0],
                      scaling::embedding(config_.next_sentence ? 2 : 1, tokens).inputs[0]};
    words_ = parameter(names::kWords);
    return graph_.op("embed", "embed", {words_, parameter(names::kPositions), parameter(names::kTypes)},
                     std::move(factors));
  }

  NodeId norm(const std::string& node, NodeId x, const std::string& name, std::int64_t rows) {
    return graph_.op(node, "layer_norm", {x, parameter(name + ".weight"), parameter(name + ".bias")},
                     scaling::layer_norm(rows));
  }

  // `bias` empty: none.
  NodeId linear(const std::string& node, NodeId x, NodeId weight, const std::string& bias,
                const scaling::LinearShape& shape) {
    std::vector<NodeId> inputs{x, weight};
    if (shape.bias) inputs.push_back(parameter(bias));
    return graph_.op(node, "linear", std::move(inputs), scaling::linear(shape));
  }

  // Of the whole blocks that a matrix has. `parts` of out / parts x in are stacked, each with its own number.
  double density_of(std::int64_t in, std::int64_t out, std::int64_t parts) const {
    if (config_.sparsity.storage == Storage::kDense) return 1;
    const std::int64_t b = config_.sparsity.block;
    const std::int64_t blocks =
        sparse::block_count_for_density(out / parts, in, config_.sparsity.block, config_.sparsity.density);
    return static_cast<double>(blocks * b * b) / static_cast<double>(out / parts * in);
  }

  scaling::LinearShape encoder_shape(std::int64_t in, std::int64_t out, bool bias,
                                     std::int64_t parts = 1) const {
    return {.tokens = scaling_.tokens(),
            .fan_in = in,
            .fan_out = out,
            .density = density_of(in, out, parts),
            .bias = bias};
  }

  NodeId gelu(const std::string& node, NodeId x, const std::string& bias, std::int64_t rows) {
    Factors factors = scaling::pointwise(scaling::Pointwise::kGelu);
    factors.inputs.push_back(bias_factor(factors.inputs[0], rows));
    return graph_.op(node, "gelu", {x, parameter(bias)}, std::move(factors));
  }

  // The beginning of branch `index` and its end.
  NodeId split(const std::string& node, NodeId stream, std::int64_t index) {
    return graph_.fixed_op(node, "residual_split", {stream},
                           {.output = 1, .inputs = {residual_weights(scaling_, index).branch}});
  }
  NodeId sum(const std::string& node, NodeId branch, const std::string& bias, NodeId stream,
             std::int64_t index) {
    const double undone = 1 / residual_weights(scaling_, index).branch;
    return graph_.fixed_op(node, "residual_sum", {branch, parameter(bias), stream},
                           {.output = 1, .inputs = {undone, bias_factor(undone, scaling_.tokens()), 1}});
  }

  NodeId encode() {
    const bool pre = config_.norm == NormPlacement::kPre;
    const std::int64_t tokens = scaling_.tokens();
    NodeId stream = norm("embedding_norm", embed(), names::kEmbeddingNorm, tokens);
    for (std::int64_t i = 0; i < config_.layers; ++i) {
      const names::Layer name(i, config_.norm);
      const std::string node = fmt::format("layer.{}.", i);
      const auto branch_input = [&](const char* part, const std::string& norm_name, std::int64_t index) {
        const NodeId x = pre ? norm(node + part + ".norm", stream, norm_name, tokens) : stream;
        return split(node + part + ".split", x, index);
      };
      const auto close = [&](const char* part, NodeId branch, const std::string& bias,
                             const std::string& norm_name, std::int64_t index) {
        stream = sum(node + part + ".sum", branch, bias, stream, index);
        if (!pre) stream = norm(node + part + ".norm", stream, norm_name, tokens);
      };
      const NodeId context = attention(node, name, branch_input("attention", name.attention_norm, 2 * i));
      close("attention", context, name.attention_out_bias, name.attention_norm, 2 * i);
      const NodeId down = feed_forward(node, name, branch_input("ffn", name.output_norm, 2 * i + 1));
      close("ffn", down, name.down_bias, name.output_norm, 2 * i + 1);
    }
    return pre ? norm("final_norm", stream, names::kFinalNorm, tokens) : stream;
  }

  NodeId attention(const std::string& node, const names::Layer& name, NodeId x) {
    const std::int64_t h = config_.hidden;
    const NodeId qkv = linear(node + "qkv", x, parameter(name.qkv.front()), name.qkv_bias.front(),
                              encoder_shape(h, 3 * h, /*bias=*/true, /*parts=*/3));
    const std::int64_t head = h / config_.heads;
    const NodeId context = graph_.op(node + "attention", "attention", {qkv, qkv, qkv},
                                     scaling::attention({.queries = scaling_.sequence,
                                                         .keys = scaling_.sequence,
                                                         .head_size = head,
                                                         .scale = 1 / std::sqrt(static_cast<double>(head))}));
    return linear(node + "attention_out", context, parameter(name.attention_out), {},
                  encoder_shape(h, h, /*bias=*/false));
  }

  NodeId feed_forward(const std::string& node, const names::Layer& name, NodeId x) {
    const NodeId up = linear(node + "up", x, parameter(name.up), {},
                             encoder_shape(config_.hidden, config_.intermediate, /*bias=*/false));
    const NodeId activated = gelu(node + "gelu", up, name.up_bias, scaling_.tokens());
    return linear(node + "down", activated, parameter(name.down), {},
                  encoder_shape(config_.intermediate, config_.hidden, /*bias=*/false));
  }

  NodeId masked_lm(NodeId hidden) {
    const std::int64_t rows = scaling_.predictions;
    const std::int64_t h = config_.hidden;
    // Few rows are chosen and the gradient of the others is zero: no factor makes that unit-scaled.
    const NodeId chosen = graph_.op("gather", "gather_rows", {hidden}, {.output = 1, .inputs = {1}});
    const NodeId transform =
        linear("transform", chosen, parameter(names::kTransform), {}, {rows, h, h, 1, /*bias=*/false});
    const NodeId activated = gelu("transform_gelu", transform, names::kTransformBias, rows);
    const NodeId normed = norm("transform_norm", activated, names::kTransformNorm, rows);
    const NodeId logits = linear("decoder", normed, config_.tied ? words_ : parameter(names::kDecoder), {},
                                 {rows, h, config_.vocabulary, 1, /*bias=*/false});
    return cross_entropy("masked_lm", logits, names::kVocabularyBias, config_.vocabulary, rows);
  }

  NodeId next_sentence(NodeId hidden) {
    const std::int64_t rows = scaling_.sequences;
    const std::int64_t h = config_.hidden;
    const NodeId first = graph_.op("first", "gather_rows", {hidden}, {.output = 1, .inputs = {1}});
    const NodeId pooler =
        linear("pooler", first, parameter(names::kPooler), names::kPoolerBias, {rows, h, h, 1, true});
    const NodeId tanh =
        graph_.op("pooler_tanh", "tanh", {pooler}, scaling::pointwise(scaling::Pointwise::kTanh));
    const NodeId logits = linear("next", tanh, parameter(names::kNext), {}, {rows, h, 2, 1, false});
    return cross_entropy("next_sentence", logits, names::kNextBias, 2, rows);
  }

  // Two losses meet again in the encoder, so that neither's gradient has a factor of its own; their sum's
  // may.
  NodeId both(NodeId masked_lm, NodeId next_sentence) {
    const NodeId sum = graph_.op("loss", "add", {masked_lm, next_sentence}, {.output = 1, .inputs = {1, 1}});
    return graph_.fixed_op("loss_scale", "scale", {sum},
                           {.output = 1, .inputs = {graph_[masked_lm].ideal.inputs[0]}});
  }

  NodeId cross_entropy(const std::string& node, NodeId logits, const std::string& bias, std::int64_t classes,
                       std::int64_t rows) {
    Factors factors = scaling::softmax_cross_entropy({.classes = classes, .live_tokens = rows});
    factors.inputs.push_back(bias_factor(factors.inputs[0], rows));
    // A loss stays a loss.
    return graph_.op(node, "cross_entropy", {logits, parameter(bias)}, std::move(factors),
                     scaling::Constraint::kOutput);
  }

  const BertConfig& config_;
  const UnitScalingConfig& scaling_;
  scaling::Graph graph_;
  NodeId words_ = 0;
};

}  // namespace

scaling::ResidualWeights residual_weights(const UnitScalingConfig& config, std::int64_t index) {
  if (!config.residual_share) return scaling::residual_weights(scaling::running_mean(index + 1));
  return scaling::residual_weights(scaling::VarianceShare{*config.residual_share});
}

scaling::Graph bert_graph(const BertConfig& config) {
  if (!config.unit_scaling) fail_usage("a model that is not unit-scaled has no graph of factors");
  return GraphBuilder(config).build();
}

}  // namespace filigree::models
