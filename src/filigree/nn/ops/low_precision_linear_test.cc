// Products of fewer bits against sums in double of operands that are rounded one value at a time.
#include "filigree/nn/ops/low_precision_linear.h"
//
#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>

#include "filigree/base/philox.h"
#include "filigree/base/test_isa.h"
#include "filigree/nn/ops/linear.h"
#include "filigree/numerics/formats.h"

namespace filigree::nn {
namespace {

Tensor random(at::IntArrayRef shape, std::uint64_t index, double scale = 1) {
  Philox source(13, Purpose::kTest, index);
  Tensor out = at::empty(shape, at::kFloat);
  for (std::int64_t i = 0; i < out.numel(); ++i) {
    out.data_ptr<float>()[i] = static_cast<float>(scale * source.normal());
  }
  return out;
}

template <class T>
Tensor one_by_one(const Tensor& x) {
  Tensor out = at::empty(x.sizes(), at::kDouble);
  const Tensor from = x.detach().contiguous();
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    out.data_ptr<double>()[i] = static_cast<float>(T(from.data_ptr<float>()[i]));
  }
  return out;
}
Tensor rounded_value(Precision precision, const Tensor& x) {
  if (precision == Precision::kBf16) return one_by_one<BFloat16>(x);
  return precision == Precision::kFp16 ? one_by_one<Float16>(x) : one_by_one<Float8E4M3>(x);
}
Tensor rounded_gradient(Precision precision, const Tensor& x) {
  return precision == Precision::kFp8 ? one_by_one<Float8E5M2>(x) : rounded_value(precision, x);
}

void expect_close(const Tensor& ours, const Tensor& theirs, const char* what) {
  const double scale = std::max(1e-3, theirs.abs().max().item<double>());
  EXPECT_LT((ours - theirs).abs().max().item<double>() / scale, 2e-6) << what;
}

constexpr Precision kLow[] = {Precision::kBf16, Precision::kFp16, Precision::kFp8};

class LowPrecision : public test::OnEachIsa {};
INSTANTIATE_TEST_SUITE_P(Isas, LowPrecision, test::every_isa(), test::isa_label);

TEST_P(LowPrecision, MultipliesRoundedOperandsExactly) {
  const std::vector<double> factors{0.5, 3, 7, 11};
  for (const Precision precision : kLow) {
    Tensor x = random({33, 48}, 1).requires_grad_(true);
    Tensor weight = random({40, 48}, 2).requires_grad_(true);
    Tensor bias = random({40}, 3).requires_grad_(true);
    const Tensor grad = random({33, 40}, 4, 0.1);
    const Tensor y = low_precision_linear(x, weight, bias, precision, factors);
    y.backward(grad);
    const Tensor x_hat = rounded_value(precision, x);
    const Tensor w_hat = rounded_value(precision, weight);
    const Tensor g_hat = rounded_gradient(precision, grad);
    expect_close(y, 0.5 * at::matmul(x_hat, w_hat.t()) + bias, "y");
    expect_close(x.grad(), 3 * at::matmul(g_hat, w_hat), "x");
    expect_close(weight.grad(), 7 * at::matmul(g_hat.t(), x_hat), "weight");
    expect_close(bias.grad(), 11 * grad.to(at::kDouble).sum(0), "bias");
    // It is no FP32 product.
    EXPECT_GT((y - nn::linear(x, weight, bias, factors)).abs().max().item<double>(), 1e-4);
  }
}

TEST_P(LowPrecision, BlockSparseIsTheSameAsDense) {
  Philox source(3, Purpose::kTest);
  const auto held = c10::make_intrusive<BsrPatternHolder>(sparse::BsrPattern::random(32, 48, 8, 12, source));
  for (const Precision precision : kLow) {
    Tensor x = random({20, 48}, 1).requires_grad_(true);
    Tensor values = random({12, 8, 8}, 2).requires_grad_(true);
    const Tensor grad = random({20, 32}, 4, 0.1);
    const Tensor y = low_precision_bsr_linear(x, values, held, {}, precision, {0.5, 3.0, 7.0});
    y.backward(grad);
    // The dense matrix, and where its blocks are.
    Tensor dense = at::zeros({32, 48}, at::kFloat);
    std::vector<Tensor> blocks;
    held->pattern->for_each_block([&](std::int64_t position, std::int64_t row, std::int64_t column) {
      dense.slice(0, 8 * row, 8 * row + 8)
          .slice(1, 8 * column, 8 * column + 8)
          .copy_(values[position].detach());
    });
    Tensor x_dense = x.detach().clone().requires_grad_(true);
    dense.requires_grad_(true);
    const Tensor y_dense = low_precision_linear(x_dense, dense, {}, precision, {0.5, 3.0, 7.0});
    y_dense.backward(grad);
    expect_close(y, y_dense.to(at::kDouble), "y");
    expect_close(x.grad(), x_dense.grad().to(at::kDouble), "x");
    held->pattern->for_each_block([&](std::int64_t position, std::int64_t row, std::int64_t column) {
      const Tensor part = dense.grad().slice(0, 8 * row, 8 * row + 8).slice(1, 8 * column, 8 * column + 8);
      expect_close(values.grad()[position], part.to(at::kDouble), "values");
    });
  }
}

// Counts the bytes of tensors that are alive.
class CountingAllocator : public c10::Allocator {
 public:
  CountingAllocator() : base_(c10::GetCPUAllocator()) { c10::SetCPUAllocator(this, kPriority); }
  ~CountingAllocator() override { c10::SetCPUAllocator(base_, kPriority); }
  CountingAllocator(const CountingAllocator&) = delete;
  CountingAllocator& operator=(const CountingAllocator&) = delete;

  c10::DataPtr allocate(std::size_t bytes) const override {
    auto* block = new Block{base_->allocate(bytes), bytes};
    alive_ += static_cast<std::int64_t>(bytes);
    return {block->memory.get(), block, &drop, c10::Device(c10::DeviceType::CPU)};
  }
  static std::int64_t alive() { return alive_; }

 private:
  struct Block {
    c10::DataPtr memory;
    std::size_t bytes;
  };
  static void drop(void* context) {
    const auto* block = static_cast<Block*>(context);
    alive_ -= static_cast<std::int64_t>(block->bytes);
    delete block;
  }
  static constexpr std::uint8_t kPriority = 100;
  c10::Allocator* base_;
  static inline std::int64_t alive_ = 0;
};

// What is kept of x between forward and backward, when nobody else holds it.
std::int64_t kept_bytes(Precision precision, const Tensor& weight) {
  const std::int64_t before = CountingAllocator::alive();
  const Tensor y = linear_in(precision, random({1024, 256}, 1), weight, {});
  return CountingAllocator::alive() - before - static_cast<std::int64_t>(y.nbytes());
}

TEST(LowPrecisionLinear, KeepsAQuarterOfTheBytes) {
  const CountingAllocator allocator;
  const Tensor weight = random({512, 256}, 2).requires_grad_(true);
  const std::int64_t whole = kept_bytes(Precision::kFp32, weight);
  EXPECT_GE(whole, 1024 * 256 * 4);
  const auto share = [&](Precision precision) {
    return static_cast<double>(kept_bytes(precision, weight)) / static_cast<double>(whole);
  };
  EXPECT_LE(share(Precision::kFp8), 0.27);
  EXPECT_LE(share(Precision::kFp16), 0.52);
  EXPECT_LE(share(Precision::kBf16), 0.52);
}

TEST(LowPrecisionLinear, RefusesWhatItDoesNotCompute) {
  const Tensor x = random({3, 4}, 1);
  const Tensor weight = random({5, 4}, 2);
  EXPECT_THROW(low_precision_linear(x, weight, {}, Precision::kFp32), Error);
  EXPECT_THROW(low_precision_linear(x.to(at::kDouble), weight, {}, Precision::kBf16), Error);
  EXPECT_THROW(low_precision_linear(x, random({5, 6}, 2), {}, Precision::kFp8), Error);
  EXPECT_THROW(low_precision_linear(random({2, 3, 4}, 1), random({5, 3}, 2), {}, Precision::kFp8), Error);
}

}  // namespace
}  // namespace filigree::nn
