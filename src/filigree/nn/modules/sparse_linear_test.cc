#include "filigree/nn/modules/sparse_linear.h"

#include <gtest/gtest.h>

#include <sstream>

#include "filigree/nn/ops/bsr_matrix.h"

namespace filigree::nn {
namespace {

Tensor as_dense(const SparseLinear& layer) { return bsr_to_dense(layer->values.detach(), layer->pattern()); }

void expect_close(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.sizes(), b.sizes());
  EXPECT_TRUE(at::allclose(a, b, 1e-5, 1e-6)) << (a - b).abs().max();
}

TEST(SparseLinear, IsADenseLayerWithZeros) {
  for (const std::int64_t block : {1, 2, 4, 8, 16, 32}) {
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

TEST(SparseLinear, SaysWhatIsWrong) {
  const SparseLinear layer(16, 16, 0.5, 8);
  EXPECT_THROW(layer->forward(at::randn({3, 15})), Error);
  EXPECT_THROW(layer->forward(at::randn({3, 16}, at::kHalf)), Error);
  EXPECT_THROW(SparseLinear(16, 16, 0.5, 3), Error);
  EXPECT_THROW(SparseLinear(16, 16, 0, 8), Error);
  EXPECT_THROW(SparseLinear(16, 16, 0.5, std::int64_t{1} << 40), Error);
  std::ostringstream text;
  layer->pretty_print(text);
  EXPECT_EQ(text.str(), "filigree::SparseLinear(in=16, out=16, density=0.5, block=8, bias=true)");
}

}  // namespace
}  // namespace filigree::nn
