// Every op that nn registers: its gradients against finite differences in double, and its values against
// LibTorch's own ops.
#include "filigree/nn/torch.h"
//
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <set>

#include "filigree/base/error.h"
#include "filigree/base/philox.h"
#include "filigree/nn/bsr_pattern.h"
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

using Op = std::function<Tensor(const std::vector<Tensor>&)>;

Tensor random(at::IntArrayRef shape, std::uint64_t index, at::ScalarType type = at::kDouble) {
  Philox source(7, Purpose::kTest, index);
  Tensor out = at::empty(shape, at::kDouble);
  auto* data = out.data_ptr<double>();
  for (std::int64_t i = 0; i < out.numel(); ++i) data[i] = source.normal();
  return out.to(type);
}

// A scalar that depends on each element of `out` in its own way.
Tensor project(const Tensor& out) { return (out * random(out.sizes(), 1000, out.scalar_type())).sum(); }

// The largest difference between autograd's gradients and central differences, relative to the largest
// gradient.
double worst_gradient(const Op& op, std::vector<Tensor> inputs) {
  for (Tensor& input : inputs) input.requires_grad_(true);
  project(op(inputs)).backward();
  const at::NoGradGuard no_grad;
  constexpr double kStep = 1e-5;
  double worst = 0;
  for (Tensor& input : inputs) {
    EXPECT_TRUE(input.grad().defined());
    auto* data = input.data_ptr<double>();
    const Tensor analytic = input.grad().contiguous();
    double largest = 1e-3;
    double difference = 0;
    for (std::int64_t i = 0; i < input.numel(); ++i) {
      const double kept = data[i];
      data[i] = kept + kStep;
      const double up = project(op(inputs)).item<double>();
      data[i] = kept - kStep;
      const double down = project(op(inputs)).item<double>();
      data[i] = kept;
      const double numeric = (up - down) / (2 * kStep);
      largest = std::max(largest, std::abs(numeric));
      const double here = std::abs(numeric - analytic.data_ptr<double>()[i]);
      if (!(here <= difference)) difference = here;  // NaN too
    }
    if (!(difference / largest <= worst)) worst = difference / largest;
  }
  return worst;
}

constexpr double kTolerance = 1e-7;

void expect_close(const Tensor& ours, const Tensor& theirs, double tolerance) {
  const double scale = std::max(1.0, theirs.abs().max().item<double>());
  EXPECT_LT((ours - theirs).abs().max().item<double>() / scale, tolerance);
}

BsrPatternRef pattern(std::int64_t rows, std::int64_t columns, sparse::BlockShape block, std::int64_t count) {
  Philox source(3, Purpose::kTest, static_cast<std::uint64_t>(block.rows));
  return c10::make_intrusive<BsrPatternHolder>(
      sparse::BsrPattern::random(rows, columns, block, count, source));
}

Tensor to_dense(const Tensor& values, const BsrPatternRef& held) {
  const sparse::BsrPattern& p = *held->pattern;
  Tensor dense = at::zeros({p.rows(), p.columns()}, values.options());
  for (std::int64_t r = 0; r < p.block_rows(); ++r) {
    for (std::int64_t i = p.row_offsets()[static_cast<std::size_t>(r)];
         i < p.row_offsets()[static_cast<std::size_t>(r) + 1]; ++i) {
      const std::int64_t c = p.column_indices()[static_cast<std::size_t>(i)];
      dense.slice(0, r * p.block().rows, (r + 1) * p.block().rows)
          .slice(1, c * p.block().columns, (c + 1) * p.block().columns)
          .copy_(values[i]);
    }
  }
  return dense;
}

// A differentiable op as registered, called in one of its forms on inputs that are all differentiated.
struct GradientCase {
  const char* name;  // in the dispatcher, without the namespace
  const char* form;
  Op op;
  std::vector<Tensor> inputs;
};

std::vector<GradientCase> gradient_cases() {
  const Tensor x = random({5, 7}, 1);
  const Tensor bias = random({7}, 2);
  const Tensor residual = random({5, 7}, 3);
  const Tensor gamma = random({7}, 4);
  const Tensor beta = random({7}, 5);
  const Tensor lengths = at::tensor({4, 2, 0}, at::kInt);
  const Tensor labels = at::tensor({2, 0, 6, 6}, at::kLong);
  const Tensor ids = at::tensor({4, 0, 4, 1, 2, 2}, at::kInt);
  const Tensor types = at::tensor({0, 1, 1, 0, 0, 1}, at::kInt);
  const Tensor rows = at::tensor({3, 0, 3}, at::kLong);
  const auto norm = [](const auto& in) { return add_layer_norm(in[0], in[1], in[2], in[3], in[4], 1e-5); };
  std::vector<GradientCase> cases = {
      {"linear",
       "with bias",
       [](const auto& in) { return nn::linear(in[0], in[1], in[2]); },
       {x, random({3, 7}, 2), random({3}, 3)}},
      {"linear",
       "without bias",
       [](const auto& in) { return nn::linear(in[0], in[1], {}); },
       {x, random({3, 7}, 2)}},
      {"bias_gelu", "with bias", [](const auto& in) { return bias_gelu(in[0], in[1]); }, {x, bias}},
      {"bias_gelu", "without bias", [](const auto& in) { return bias_gelu(in[0], {}); }, {x}},
      {"add_layer_norm",
       "norm used",
       [=](const auto& in) { return std::get<1>(norm(in)); },
       {x, bias, residual, gamma, beta}},
      // As in pre-norm networks.
      {"add_layer_norm",
       "sum and norm used",
       [=](const auto& in) {
         auto [sum, y] = norm(in);
         return at::sin(sum) + y;
       },
       {x, bias, residual, gamma, beta}},
      {"add_layer_norm",
       "sum used",
       [=](const auto& in) { return std::get<0>(add_layer_norm(in[0], in[1], in[2], gamma, beta, 1e-5)); },
       {x, bias, residual}},
      {"add_layer_norm",
       "without bias and residual",
       [](const auto& in) { return std::get<1>(add_layer_norm(in[0], {}, {}, in[1], in[2], 1e-5)); },
       {x, gamma, beta}},
      {"attention",
       "three lengths",
       [=](const auto& in) { return attention(in[0], lengths, 2); },
       {random({12, 18}, 1)}},
      {"cross_entropy",
       "with bias",
       [=](const auto& in) { return std::get<0>(cross_entropy(in[0], in[1], labels, 3)); },
       {random({4, 7}, 1), bias}},
      {"cross_entropy",
       "without bias",
       [=](const auto& in) { return std::get<0>(cross_entropy(in[0], {}, labels, 3)); },
       {random({4, 7}, 1)}},
      {"embed",
       "two types",
       [=](const auto& in) { return embed(ids, types, in[0], in[1], in[2], 3); },
       {random({6, 5}, 1), random({4, 5}, 2), random({2, 5}, 3)}},
      {"embed",
       "one type",
       [=](const auto& in) { return embed(ids, {}, in[0], in[1], in[2], 3); },
       {random({6, 5}, 1), random({4, 5}, 2), random({2, 5}, 3)}},
      {"scale", "as one factor", [](const auto& in) { return nn::scale(in[0], 1.5, 1.5); }, {x}},
      {"gather_rows",
       "a row twice",
       [=](const auto& in) { return gather_rows(in[0], rows); },
       {random({4, 5}, 1)}},
  };
  for (const sparse::BlockShape block : sparse::kBlockShapes) {
    // Blocks of 32 and 64 reach behind its edges.
    const std::int64_t places = sparse::block_count_for_density(32, 48, block, 1);
    const auto held = pattern(32, 48, block, std::min<std::int64_t>(9, places));
    const Tensor values = random(value_sizes(*held->pattern), 4);
    cases.push_back({"bsr_linear",
                     "with bias",
                     [=](const auto& in) { return bsr_linear(in[0], in[1], held, in[2]); },
                     {random({5, 48}, 1), values, random({32}, 3)}});
    cases.push_back({"bsr_linear",
                     "without bias",
                     [=](const auto& in) { return bsr_linear(in[0], in[1], held, {}); },
                     {random({5, 48}, 1), values}});
  }
  return cases;
}

TEST(Gradients, AgreeWithFiniteDifferences) {
  for (const GradientCase& c : gradient_cases()) {
    std::vector<Tensor> inputs;
    for (const Tensor& input : c.inputs) inputs.push_back(input.detach().clone());
    EXPECT_LT(worst_gradient(c.op, inputs), kTolerance) << c.name << ", " << c.form;
  }
}

// An op without a row above would be an op whose gradient nobody has checked.
TEST(Gradients, EveryRegisteredOpIsAmongTheCases) {
  std::set<std::string> checked;
  for (const GradientCase& c : gradient_cases()) checked.insert(c.name);
  const auto is_part = [](const std::string& name) {
    return name.ends_with("_forward") || name.ends_with("_backward") ||
           name.find("_grad") != std::string::npos;
  };
  // These refuse tensors that want a gradient, or take none.
  const std::set<std::string> without{"bsr_from_dense", "bsr_move", "bsr_random",
                                      "bsr_to_dense",   "bsr_trim", "set_num_threads"};
  // These round what they multiply: low_precision_linear_test.cc holds them against rounded operands.
  const std::set<std::string> low_precision{"low_precision_linear", "low_precision_bsr_linear"};
  std::set<std::string> registered;
  for (const c10::OperatorName& op : c10::Dispatcher::singleton().getAllOpNames()) {
    const std::string prefix = "filigree::";
    if (!op.name.starts_with(prefix)) continue;
    if (const std::string name = op.name.substr(prefix.size());
        !is_part(name) && !without.contains(name) && !low_precision.contains(name)) {
      registered.insert(name);
    }
  }
  EXPECT_EQ(registered, checked);
}

// The check itself: a gradient that is 1 % off must not pass.
class SlightlyWrong : public torch::autograd::Function<SlightlyWrong> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x) {
    context->save_for_backward({x});
    return x * x;
  }
  static variable_list backward(torch::autograd::AutogradContext* context, variable_list grads) {
    return {grads[0] * context->get_saved_variables()[0] * 2.02};
  }
};

TEST(Gradients, TheCheckCatchesAWrongGradient) {
  EXPECT_GT(worst_gradient([](const auto& in) { return SlightlyWrong::apply(in[0]); }, {random({3, 3}, 1)}),
            1e-3);
}

TEST(Gradients, TheCheckCatchesNaN) {
  const double worst =
      worst_gradient([](const auto& in) { return at::sqrt(in[0].abs() * 0); }, {random({3, 3}, 1)});
  EXPECT_FALSE(worst < kTolerance);
}

TEST(Gradients, SecondDerivativesAreRefused) {
  for (const GradientCase& c : gradient_cases()) {
    std::vector<Tensor> inputs;
    for (const Tensor& input : c.inputs) inputs.push_back(input.detach().clone().requires_grad_(true));
    EXPECT_THROW(
        torch::autograd::grad({project(c.op(inputs))}, inputs, {}, c10::nullopt, /*create_graph=*/true),
        Error)
        << c.name << ", " << c.form;
  }
}

TEST(Gradients, PartsAreRefusedWhereTheyWouldLoseTheGradient) {
  const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("filigree::linear_grad_input", "");
  const auto typed = op.typed<Tensor(const Tensor&, const Tensor&, double)>();
  const Tensor grad = random({5, 3}, 1).requires_grad_(true);
  const Tensor w = random({3, 7}, 2);
  EXPECT_THROW(typed.call(grad, w, 1), Error);
  const at::NoGradGuard no_grad;
  expect_close(typed.call(grad, w, 1), at::matmul(grad, w), 1e-12);
}

TEST(Values, AgreeWithLibTorch) {
  const Tensor x = random({37, 48}, 1, at::kFloat);
  const Tensor w = random({64, 48}, 2, at::kFloat);
  const Tensor b = random({64}, 3, at::kFloat);
  const Tensor b_in = random({48}, 4, at::kFloat);
  expect_close(nn::linear(x, w, b), at::linear(x, w, b), 1e-5);
  expect_close(bias_gelu(x, b_in), at::gelu(x + b_in), 1e-6);
  auto [sum, y] = add_layer_norm(x, b_in, x, w[0], w[1], 1e-12);
  expect_close(sum, x + b_in + x, 1e-6);
  expect_close(y, at::layer_norm(x + b_in + x, {48}, w[0], w[1], 1e-12), 1e-5);
  const Tensor labels = at::arange(37, at::kLong);
  expect_close(std::get<0>(cross_entropy(x, b_in, labels, 37)), at::cross_entropy_loss(x + b_in, labels),
               1e-6);
}

TEST(Values, BsrLinearIsADenseProductWithZeros) {
  for (const int block : {1, 2, 4, 8, 16}) {
    const auto held = pattern(64, 48, block, std::min(11, 64 * 48 / block / block));
    const Tensor x = random({37, 48}, 1, at::kFloat);
    const Tensor values = random({held->pattern->block_count(), block, block}, 2, at::kFloat);
    const Tensor bias = random({64}, 3, at::kFloat);
    const Tensor grad = random({37, 64}, 4, at::kFloat);
    const Tensor dense = to_dense(values, held);
    expect_close(bsr_linear_forward(x, values, held, bias), at::linear(x, dense, bias), 1e-5);
    expect_close(bsr_linear_grad_input(grad, values, held), at::matmul(grad, dense), 1e-5);
    // Only W's blocks have a gradient.
    const Tensor whole = at::matmul(grad.t(), x);
    expect_close(to_dense(bsr_linear_grad_values(grad, x, held), held),
                 whole * to_dense(at::ones_like(values), held), 1e-5);
  }
}

TEST(Values, AttentionIsSoftmaxOfScaledScores) {
  const std::int64_t batch = 2, sequence = 9, heads = 3, size = 16;
  const Tensor qkv = random({batch * sequence, 3 * heads * size}, 1, at::kFloat);
  const Tensor lengths = at::tensor({9, 5}, at::kInt);
  const auto parts = qkv.view({batch, sequence, 3, heads, size}).permute({2, 0, 3, 1, 4});
  Tensor scores = at::matmul(parts[0], parts[1].transpose(-1, -2)) / std::sqrt(static_cast<double>(size));
  const Tensor hidden =
      at::arange(sequence, at::kLong).view({1, 1, 1, sequence}) >= lengths.view({batch, 1, 1, 1});
  const Tensor out = at::matmul(at::softmax(scores.masked_fill(hidden, -INFINITY), -1), parts[2])
                         .permute({0, 2, 1, 3})
                         .reshape({batch, sequence, heads * size});
  const Tensor ours = attention(qkv, lengths, heads).view({batch, sequence, heads * size});
  expect_close(ours[0], out[0], 1e-5);
  expect_close(ours[1].slice(0, 0, 5), out[1].slice(0, 0, 5), 1e-5);
  EXPECT_EQ(ours[1].slice(0, 5, 9).abs().max().item<float>(), 0);
}

TEST(Errors, NameTheOpAndTheShapes) {
  EXPECT_THROW(nn::linear(random({5, 7}, 1), random({3, 8}, 2), {}), Error);
  // Rows that overlap, and views that do not.
  EXPECT_THROW(nn::linear(random({7}, 1).expand({5, 7}), random({3, 7}, 2), {}), Error);
  EXPECT_THROW(nn::linear(random({1, 1}, 1).expand({5, 1}), random({3, 1}, 2), {}), Error);
  EXPECT_THROW(nn::linear(random({7, 5}, 1).t(), random({3, 7}, 2), {}), Error);
  const Tensor wide = random({5, 9}, 1);
  expect_close(nn::linear(wide.slice(1, 1, 8), wide.slice(1, 2, 9), {}),
               at::matmul(wide.slice(1, 1, 8), wide.slice(1, 2, 9).t()), 1e-12);
  expect_close(nn::linear(random({5, 1}, 1), random({3, 1}, 2), {}),
               at::matmul(random({5, 1}, 1), random({3, 1}, 2).t()), 1e-12);
  EXPECT_THROW(nn::linear(random({5, 7}, 1).to(at::kHalf), random({3, 7}, 2).to(at::kHalf), {}), Error);
  EXPECT_THROW(attention(random({12, 18}, 1), at::tensor({4, 2, 9}, at::kInt), 2), Error);
  EXPECT_THROW(cross_entropy(random({2, 3}, 1), {}, at::tensor({0, 3}, at::kLong), 1), Error);
  const Tensor x = random({5, 7}, 1);
  const Tensor short_x = random({4, 7}, 2);
  const Tensor v = random({7}, 3);
  const Tensor r = random({5}, 4);
  EXPECT_THROW(add_layer_norm(x, {}, short_x, v, v, 1e-5), Error);
  EXPECT_THROW(add_layer_norm(x, r, {}, v, v, 1e-5), Error);
  EXPECT_THROW(add_layer_norm_backward(short_x, {}, x, v, r, r), Error);
  EXPECT_THROW(add_layer_norm_backward(x, short_x, x, v, r, r), Error);
  EXPECT_THROW(add_layer_norm_backward(x, {}, x, v, v, r), Error);
  EXPECT_THROW(bias_gelu(x, r), Error);
  EXPECT_THROW(bias_gelu_backward(short_x, x, {}), Error);
  EXPECT_THROW(attention_backward(short_x, random({12, 18}, 1), random({3, 2, 4, 4}, 2),
                                  at::tensor({4, 2, 0}, at::kInt)),
               Error);
  EXPECT_THROW(attention_backward(random({12, 6}, 3), random({12, 18}, 1), random({3, 2, 4, 3}, 2),
                                  at::tensor({4, 2, 0}, at::kInt)),
               Error);
  const auto held = pattern(32, 48, 8, 3);
  EXPECT_THROW(bsr_linear(random({5, 40}, 1), random({3, 8, 8}, 2), held, {}), Error);
  EXPECT_THROW(bsr_linear(random({5, 48}, 1), random({2, 8, 8}, 2), held, {}), Error);
  EXPECT_THROW(gather_rows(x, at::tensor({5}, at::kLong)), Error);
  EXPECT_THROW(embed(at::tensor({9}, at::kInt), {}, x, x, x, 1), Error);
}

// What the autograd functions are made of, called on its own, leaves its arguments alone.
TEST(Values, PartsDoNotTouchTheirArguments) {
  const Tensor logits = random({4, 7}, 1);
  const Tensor kept = logits.clone();
  const Tensor labels = at::tensor({2, 0, 6, 6}, at::kLong);
  const auto [loss, correct, probabilities] = cross_entropy_forward(logits, {}, labels, 4);
  expect_close(logits, kept, 0x1p-60);
  expect_close(probabilities, at::softmax(logits, 1), 1e-12);
  const Tensor before = probabilities.clone();
  const auto [dlogits, dbias] = cross_entropy_backward(at::ones_like(loss), probabilities, labels, 4);
  expect_close(probabilities, before, 0x1p-60);
  expect_close(dlogits.sum(0), dbias, 1e-12);
  EXPECT_THROW(cross_entropy_backward(at::ones_like(loss), probabilities, at::tensor({0, 1}, at::kLong), 4),
               Error);
  EXPECT_THROW(
      cross_entropy_backward(at::ones_like(loss), probabilities, at::tensor({0, 1, 2, 7}, at::kLong), 4),
      Error);
  EXPECT_THROW(cross_entropy_backward(random({4}, 1), probabilities, labels, 4), Error);
  EXPECT_THROW(gather_rows_backward(random({2, 5}, 1), at::tensor({0, 9}, at::kLong), 9), Error);
  EXPECT_THROW(gather_rows_backward(random({3, 5}, 1), at::tensor({0, 1}, at::kLong), 9), Error);
  EXPECT_THROW(embed_backward(random({2, 5}, 1), at::tensor({0, 9}, at::kInt), {}, 2, 9, 2, 1), Error);
}

// As Python sees them.
TEST(Library, OpsAreRegisteredWithAutograd) {
  const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("filigree::linear", "");
  const auto typed = op.typed<Tensor(const Tensor&, const Tensor&, const OptionalTensor&, FactorList)>();
  const Tensor x = random({5, 7}, 1).requires_grad_(true);
  const Tensor w = random({3, 7}, 2);
  typed.call(x, w, OptionalTensor(), {}).sum().backward();
  expect_close(x.grad(), w.sum(0).expand({5, 7}), 1e-12);
}

}  // namespace
}  // namespace filigree::nn
