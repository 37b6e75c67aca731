// Every op's factors: the output is that of the unscaled op times its factor, and each gradient the unscaled
// op's times its own.
#include "filigree/nn/factors.h"
//
#include <gtest/gtest.h>

#include <functional>

#include "filigree/base/philox.h"
#include "filigree/nn/ops/add_layer_norm.h"
#include "filigree/nn/ops/attention.h"
#include "filigree/nn/ops/bias_gelu.h"
#include "filigree/nn/ops/bsr_linear.h"
#include "filigree/nn/ops/cross_entropy.h"
#include "filigree/nn/ops/embedding.h"
#include "filigree/nn/ops/linear.h"
#include "filigree/nn/ops/scale.h"

namespace filigree::nn {
namespace {

Tensor random(at::IntArrayRef shape, std::uint64_t index) {
  Philox source(11, Purpose::kTest, index);
  Tensor out = at::empty(shape, at::kDouble);
  for (std::int64_t i = 0; i < out.numel(); ++i) out.data_ptr<double>()[i] = source.normal();
  return out;
}

void expect_close(const Tensor& ours, const Tensor& theirs, const char* what) {
  const double scale = std::max(1e-3, theirs.abs().max().item<double>());
  EXPECT_LT((ours - theirs).abs().max().item<double>() / scale, 1e-12) << what;
}

struct Result {
  Tensor output;
  std::vector<Tensor> gradients;
};

using Op = std::function<Tensor(const std::vector<Tensor>&, FactorList)>;

Result run(const Op& op, const std::vector<Tensor>& inputs, FactorList factors) {
  std::vector<Tensor> leaves;
  for (const Tensor& input : inputs) leaves.push_back(input.detach().clone().requires_grad_(true));
  const Tensor out = op(leaves, factors);
  const Tensor weights = out.dim() == 0 ? at::ones({}, at::kDouble) : random(out.sizes(), 1000);
  (out * weights).sum().backward();
  Result result{out.detach(), {}};
  for (const Tensor& leaf : leaves) result.gradients.push_back(leaf.grad());
  return result;
}

void expect_scaled(const char* name, const Op& op, const std::vector<Tensor>& inputs,
                   const std::vector<double>& factors) {
  const Result plain = run(op, inputs, {});
  const Result scaled = run(op, inputs, factors);
  expect_close(scaled.output, plain.output * factors.front(), name);
  ASSERT_EQ(factors.size(), inputs.size() + 1) << name;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    expect_close(scaled.gradients[i], plain.gradients[i] * factors[i + 1], name);
  }
  // The list is checked, not cut.
  std::vector<double> longer = factors;
  longer.push_back(1);
  EXPECT_THROW(run(op, inputs, longer), Error) << name;
}

TEST(Factors, MultiplyOutputsAndGradients) {
  const Tensor x = random({5, 7}, 1);
  const Tensor labels = at::tensor({2, 0, 6, 6, 1}, at::kLong);
  const Tensor ids = at::tensor({4, 0, 4, 1, 2, 2}, at::kInt);
  const Tensor types = at::tensor({0, 1, 1, 0, 0, 1}, at::kInt);
  // A bias is added to what is scaled: alone it keeps its size.
  expect_scaled("linear", [](const auto& in, FactorList f) { return nn::linear(in[0], in[1], {}, f); },
                {x, random({3, 7}, 2)}, {0.5, 3, 7});
  expect_scaled("bias_gelu", [](const auto& in, FactorList f) { return bias_gelu(in[0], in[1], f); },
                {x, random({7}, 2)}, {0.5, 3, 7});
  expect_scaled("bias_gelu", [](const auto& in, FactorList f) { return bias_gelu(in[0], {}, f); }, {x},
                {0.5, 3});
  expect_scaled(
      "cross_entropy",
      [=](const auto& in, FactorList f) { return std::get<0>(cross_entropy(in[0], in[1], labels, 3, f)); },
      {x, random({7}, 2)}, {1, 3, 7});
  expect_scaled("embed",
                [=](const auto& in, FactorList f) { return embed(ids, types, in[0], in[1], in[2], 3, f); },
                {random({6, 5}, 1), random({4, 5}, 2), random({2, 5}, 3)}, {0.5, 3, 7, 11});
}

TEST(Factors, OfTheIdentityAreItsTwoMultipliers) {
  const auto op = [](const auto& in, FactorList f) { return nn::scale(in[0], f[0], f[1]); };
  const Tensor x = random({5, 7}, 1);
  const Result plain = run(op, {x}, {1.0, 1.0});
  const Result scaled = run(op, {x}, {0.5, 3.0});
  expect_close(plain.output, x, "output");
  expect_close(scaled.output, 0.5 * x, "output");
  expect_close(scaled.gradients[0], 3 * plain.gradients[0], "x");
}

TEST(Factors, OfLinearLeaveItsBiasAsItIs) {
  const Tensor x = random({5, 7}, 1);
  const Tensor weight = random({3, 7}, 2);
  const Tensor bias = random({3}, 3);
  const auto op = [](const auto& in, FactorList f) { return nn::linear(in[0], in[1], in[2], f); };
  const Result plain = run(op, {x, weight, bias}, {});
  const Result scaled = run(op, {x, weight, bias}, {0.5, 3.0, 7.0, 11.0});
  expect_close(scaled.output, 0.5 * at::linear(x, weight) + bias, "output");
  expect_close(scaled.gradients[0], 3 * plain.gradients[0], "x");
  expect_close(scaled.gradients[1], 7 * plain.gradients[1], "weight");
  expect_close(scaled.gradients[2], 11 * plain.gradients[2], "bias");
}

TEST(Factors, OfBlockSparseProductsAreThoseOfDenseOnes) {
  Philox source(3, Purpose::kTest);
  const auto held = c10::make_intrusive<BsrPatternHolder>(sparse::BsrPattern::random(32, 48, 4, 30, source));
  const Tensor values = random({30, 4, 4}, 4);
  const Tensor bias = random({32}, 5);
  const auto op = [&](const auto& in, FactorList f) { return bsr_linear(in[0], in[1], held, in[2], f); };
  const Tensor x = random({9, 48}, 6);
  const Result plain = run(op, {x, values, bias}, {});
  const Result scaled = run(op, {x, values, bias}, {0.5, 3.0, 7.0, 11.0});
  expect_close(scaled.output, 0.5 * (plain.output - bias) + bias, "output");
  expect_close(scaled.gradients[0], 3 * plain.gradients[0], "x");
  expect_close(scaled.gradients[1], 7 * plain.gradients[1], "values");
  expect_close(scaled.gradients[2], 11 * plain.gradients[2], "bias");
}

TEST(Factors, OfAttentionAreThoseOfQAndKAndVApart) {
  const Tensor lengths = at::tensor({4, 2, 0}, at::kInt);
  const auto op = [=](const auto& in, FactorList f) { return attention(in[0], lengths, 2, f); };
  const Tensor qkv = random({12, 18}, 1);
  const Result plain = run(op, {qkv}, {});
  const Result scaled = run(op, {qkv}, {0.5, 3.0, 7.0, 11.0});
  expect_close(scaled.output, 0.5 * plain.output, "output");
  const double factors[] = {3, 7, 11};
  for (std::int64_t part = 0; part < 3; ++part) {
    expect_close(scaled.gradients[0].slice(1, 6 * part, 6 * (part + 1)),
                 factors[part] * plain.gradients[0].slice(1, 6 * part, 6 * (part + 1)), "qkv");
  }
}

// The norm, and what its gradients are, of a sum that LibTorch takes.
struct SumAndNorm {
  Tensor sum, y;
  std::vector<Tensor> gradients;  // x, bias, residual, gamma, beta
};
SumAndNorm add_and_norm(const std::vector<Tensor>& inputs, const AddLayerNormFactors* factors, bool use_sum,
                        bool use_norm) {
  std::vector<Tensor> in;
  for (const Tensor& input : inputs) in.push_back(input.detach().clone().requires_grad_(true));
  SumAndNorm result;
  std::tie(result.sum, result.y) =
      add_layer_norm(in[0], in[1], in[2], in[3], in[4], 1e-5,
                     factors == nullptr ? FactorList() : FactorList(factors->list()));
  Tensor total = at::zeros({}, at::kDouble);
  if (use_sum) total = total + (result.sum * random(result.sum.sizes(), 20)).sum();
  if (use_norm) total = total + (result.y * random(result.y.sizes(), 21)).sum();
  total.backward();
  for (const Tensor& each : in) result.gradients.push_back(each.grad());
  return result;
}

TEST(Factors, OfAddLayerNormWeighTheSumAndItsGradients) {
  const AddLayerNormFactors factors{
      .sum = {.branch = 0.6, .residual = 0.8, .branch_gradient = 1, .residual_gradient = 0.7},
      .bias = 3,
      .gamma = 7,
      .beta = 11};
  const std::vector<Tensor> inputs{random({5, 7}, 1), random({7}, 2), random({5, 7}, 3), random({7}, 4),
                                   random({7}, 5)};
  // The sum as x alone: its gradient is that of the sum.
  std::vector<Tensor> summed{0.6 * (inputs[0] + inputs[1]) + 0.8 * inputs[2], at::zeros({7}, at::kDouble),
                             at::zeros({5, 7}, at::kDouble), inputs[3], inputs[4]};
  for (const auto& [use_sum, use_norm] : {std::pair{true, true}, {true, false}, {false, true}}) {
    const SumAndNorm plain = add_and_norm(summed, nullptr, use_sum, use_norm);
    const SumAndNorm scaled = add_and_norm(inputs, &factors, use_sum, use_norm);
    expect_close(scaled.sum, plain.sum, "sum");
    expect_close(scaled.y, plain.y, "y");
    const Tensor dsum = plain.gradients[0];
    expect_close(scaled.gradients[0], dsum, "x");
    expect_close(scaled.gradients[1], 3 * dsum.sum(0), "bias");
    expect_close(scaled.gradients[2], 0.7 * dsum, "residual");
    if (!use_norm) continue;
    expect_close(scaled.gradients[3], 7 * plain.gradients[3], "gamma");
    expect_close(scaled.gradients[4], 11 * plain.gradients[4], "beta");
  }
}

}  // namespace
}  // namespace filigree::nn
