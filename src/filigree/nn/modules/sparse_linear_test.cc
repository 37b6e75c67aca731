#include "filigree/nn/modules/sparse_linear.h"

#include <gtest/gtest.h>

#include <sstream>

#include "filigree/nn/ops/bsr_matrix.h"

namespace filigree::nn {
namespace {

Tensor as_dense(const SparseLinear& layer) { return bsr_to_dense(layer->values.detach(), layer->pattern()); }

// Beside the largest element: a sum of products that all but cancel has an error of the size of its terms.
void expect_close(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.sizes(), b.sizes());
  const double largest = b.abs().max().item<double>();
  EXPECT_LE((a - b).abs().max().item<double>(), 2e-6 * largest);
}

TEST(SparseLinear, IsADenseLayerWithZeros) {
  for (const sparse::BlockShape block : sparse::kBlockShapes) {
    const SparseLinear layer(64, 96, 0.3, block);
    const Tensor x = at::randn({2, 5, 64});
    expect_close(layer->forward(x), at::linear(x, as_dense(layer), layer->bias));
    EXPECT_EQ(layer->parameters().size(), 2U);
  }
}

TEST(SparseLinear, TakesSizesThatBlocksDoNotDivide) {
  const SparseLinear layer(37, 21, 0.6, 8);
  const Tensor x = at::randn({6, 37}).requires_grad_();
  const Tensor dense = as_dense(layer);
  EXPECT_EQ(dense.sizes(), at::IntArrayRef({21, 37}));
  const Tensor y = layer->forward(x);
  expect_close(y, at::linear(x, dense, layer->bias));
  y.sum().backward();
  expect_close(x.grad(), at::ones({6, 21}).matmul(dense));
}

TEST(SparseLinear, TrainsLikeADenseLayerWithAMask) {
  SparseLinear layer(32, 48, 0.25, 8);
  const Tensor mask = as_dense(layer).ne(0).to(at::kFloat);
  Tensor weight = as_dense(layer).requires_grad_();
  const Tensor x = at::randn({10, 32});
  layer->forward(x).pow(2).sum().backward();
  at::linear(x, weight * mask, layer->bias.detach()).pow(2).sum().backward();
  expect_close(bsr_to_dense(layer->values.grad(), layer->pattern()), weight.grad());
}

TEST(SparseLinear, FromDenseKeepsTheLargestBlocks) {
  const Tensor weight = at::randn({32, 48}) * 0.01;
  weight.slice(0, 8, 16).slice(1, 16, 24).fill_(1);
  weight.slice(0, 24, 32).slice(1, 0, 8).fill_(-1);
  const SparseLinear layer(SparseLinearImpl::from_dense(weight, Tensor(), 2.0 / 24, 8));
  EXPECT_EQ(layer->pattern()->pattern->block_count(), 2);
  expect_close(as_dense(layer), at::where(weight.abs().eq(1), weight, at::zeros_like(weight)));
  EXPECT_FALSE(layer->bias.defined());
}

TEST(SparseLinear, MovesToAnotherPattern) {
  SparseLinear layer(16, 16, 1, 8);
  const Tensor before = as_dense(layer);
  const void* const identity = layer->values.unsafeGetTensorImpl();
  layer->set_pattern(hold(std::make_shared<const sparse::BsrPattern>(
      16, 16, 8, std::vector<std::int32_t>{0, 1, 2}, std::vector<std::int32_t>{1, 0})));
  EXPECT_EQ(layer->values.unsafeGetTensorImpl(), identity);
  Tensor kept = before.clone();
  kept.slice(0, 0, 8).slice(1, 0, 8).fill_(0);
  kept.slice(0, 8, 16).slice(1, 8, 16).fill_(0);
  expect_close(as_dense(layer), kept);
  layer->set_pattern(bsr_random(16, 16, 8, 1, 1));
  expect_close(as_dense(layer), kept);
  EXPECT_THROW(layer->set_pattern(bsr_random(16, 32, 8, 1, 1)), Error);
}

TEST(SparseLinear, TakesNoTokens) {
  const SparseLinear layer(16, 24, 0.5, 8);
  const Tensor x = at::randn({0, 16}).requires_grad_();
  layer->forward(x).sum().backward();
  EXPECT_EQ(x.grad().sizes(), x.sizes());
  expect_close(layer->values.grad(), at::zeros_like(layer->values));
}

// Behind the edge nothing counts, in norms and in magnitudes either.
TEST(SparseLinear, DrawsNothingBehindTheEdge) {
  const SparseLinear layer(37, 21, 0.6, 8);
  EXPECT_FLOAT_EQ(layer->values.detach().norm().item<float>(), as_dense(layer).norm().item<float>());
}

TEST(SparseLinear, DrawsItsPatternFromTorch) {
  torch::manual_seed(3);
  const SparseLinear first(64, 64, 0.3, 8);
  const SparseLinear second(64, 64, 0.3, 8);
  torch::manual_seed(3);
  const SparseLinear again(64, 64, 0.3, 8);
  EXPECT_FALSE(*first->pattern()->pattern == *second->pattern()->pattern);
  EXPECT_TRUE(*first->pattern()->pattern == *again->pattern()->pattern);
}

TEST(SparseLinear, IsSavedLoadedAndCloned) {
  for (const auto& [in, out] : {std::pair{64, 48}, std::pair{37, 21}}) {
    const SparseLinear layer(in, out, 0.3, 8);
    const Tensor x = at::randn({3, in});
    const Tensor expected = layer->forward(x);
    for (const double density : {0.3, 0.6}) {
      std::stringstream stream;
      torch::save(layer, stream);
      SparseLinear other(in, out, density, 8);
      torch::load(other, stream);
      EXPECT_TRUE(at::equal(other->forward(x), expected));
    }
    const auto twin = std::dynamic_pointer_cast<SparseLinearImpl>(layer->clone());
    EXPECT_TRUE(at::equal(twin->forward(x), expected));
    const at::NoGradGuard no_grad;
    twin->values.zero_();
    EXPECT_TRUE(at::equal(layer->forward(x), expected));
    std::stringstream stream;
    torch::save(layer, stream);
    SparseLinear wider(in + 8, out, 0.3, 8);
    EXPECT_THROW(torch::load(wider, stream), Error);
  }
}

TEST(SparseLinear, RefusesToGoBackBehindANewPattern) {
  SparseLinear layer(16, 16, 0.5, 8, true, 1);
  const Tensor x = at::randn({2, 16}).requires_grad_();
  for (const double density : {0.5, 1.0}) {
    const Tensor y = layer->forward(x);
    layer->set_pattern(bsr_random(16, 16, 8, density, 2));
    EXPECT_THROW(y.sum().backward(), c10::Error);
  }
}

TEST(SparseLinear, SaysWhatIsWrong) {
  const SparseLinear layer(16, 16, 0.5, 8);
  EXPECT_THROW(layer->forward(at::randn({3, 15})), Error);
  EXPECT_THROW(layer->forward(at::randn({3, 16}, at::kHalf)), Error);
  EXPECT_THROW(SparseLinear(16, 16, 0.5, 3), Error);
  EXPECT_THROW(SparseLinear(16, 16, 0, 8), Error);
  EXPECT_THROW(SparseLinear(16, 16, 0.5, std::int64_t{1} << 40), Error);
  EXPECT_THROW(SparseLinear(layer->pattern(), at::zeros({1, 8, 8}), Tensor()), Error);
  EXPECT_THROW(SparseLinear(layer->pattern(), layer->values, at::zeros({15})), Error);
  std::ostringstream text;
  layer->pretty_print(text);
  EXPECT_EQ(text.str(), "filigree::SparseLinear(in=16, out=16, density=0.5, block=8, bias=true)");
}

}  // namespace
}  // namespace filigree::nn
