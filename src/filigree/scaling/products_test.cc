#include "filigree/scaling/products.h"

#include <gtest/gtest.h>

#include <cmath>

#include "filigree/base/error.h"

namespace filigree::scaling {
namespace {

void expect_near(const Factors& factors, const Factors& expected, double relative = 1e-12) {
  EXPECT_NEAR(factors.output, expected.output, relative * expected.output);
  ASSERT_EQ(factors.inputs.size(), expected.inputs.size());
  for (std::size_t i = 0; i < factors.inputs.size(); ++i) {
    EXPECT_NEAR(factors.inputs[i], expected.inputs[i], relative * expected.inputs[i]) << "input " << i;
  }
}

TEST(Matmul, HasTheRootOfEachSumsLength) {
  expect_near(matmul(100, 16, 400), {.output = 1.0 / 4, .inputs = {1.0 / 20, 1.0 / 10}});
}

TEST(Linear, CountsTokensOfTheGlobalBatch) {
  const LinearShape shape{.tokens = 10'000, .fan_in = 16, .fan_out = 400};
  expect_near(linear(shape), {.output = 1.0 / 4, .inputs = {1.0 / 20, 1.0 / 100}});
  LinearShape with_bias = shape;
  with_bias.bias = true;
  expect_near(linear(with_bias), {.output = 1.0 / 4, .inputs = {1.0 / 20, 1.0 / 100, 1.0 / 100}});
}

TEST(Linear, TakesPowers) {
  const LinearShape shape{.tokens = 10'000, .fan_in = 16, .fan_out = 400};
  expect_near(linear(shape, {.fan_in = 0, .fan_out = 1, .batch = 0.75}),
              {.output = 1, .inputs = {1.0 / 400, 1.0 / 1000}});
  expect_near(linear_readout(shape), {.output = 1.0 / 16, .inputs = {1.0 / 20, 1.0 / 100}});
}

TEST(Linear, OfABlockSparseWeightHasFewerTerms) {
  expect_near(linear({.tokens = 100, .fan_in = 64, .fan_out = 1600, .density = 0.25}),
              {.output = 1.0 / 4, .inputs = {1.0 / 20, 1.0 / 10}});
}

TEST(Linear, RefusesWhatIsNoShape) {
  const LinearShape good{.tokens = 8, .fan_in = 16, .fan_out = 32};
  EXPECT_THROW(linear({.tokens = 0, .fan_in = 16, .fan_out = 32}), Error);
  EXPECT_THROW(linear({.tokens = 8, .fan_in = -16, .fan_out = 32}), Error);
  EXPECT_THROW(linear({.tokens = 8, .fan_in = 16, .fan_out = 0}), Error);
  for (const double density : {0.0, -0.5, 1.1, std::nan("")}) {
    EXPECT_THROW(linear({.tokens = 8, .fan_in = 16, .fan_out = 32, .density = density}), Error) << density;
  }
  EXPECT_THROW(linear(good, {.fan_in = std::nan("")}), Error);
  EXPECT_THROW(linear(good, {.fan_out = HUGE_VAL}), Error);
  EXPECT_THROW(linear(good, {.batch = -1}), Error);
  EXPECT_THROW(matmul(0, 1, 1), Error);
  EXPECT_THROW(matmul(1, 0, 1), Error);
  EXPECT_THROW(matmul(1, 1, 0), Error);
  EXPECT_THROW(embedding(0, 1), Error);
  EXPECT_THROW(embedding(1, 0), Error);
}

TEST(Convolution, FarFromTheEdgesIsThePublishedRule) {
  const ConvolutionShape shape{.batch = 2,
                               .length = 60'000,
                               .channels_in = 24,
                               .channels_out = 36,
                               .kernel = 6,
                               .groups = 4,
                               .stride = 3,
                               .bias = true};
  const double positions = 2.0 * static_cast<double>(output_length(shape));
  expect_near(convolution(shape),
              {.output = 1 / std::sqrt(24.0 / 4 * 6),
               .inputs = {std::sqrt(3.0 * 4 / (36 * 6)), 1 / std::sqrt(positions), 1 / std::sqrt(positions)}},
              1e-4);
}

TEST(Convolution, OfKernelOneIsALinearLayer) {
  expect_near(
      convolution(
          {.batch = 5, .length = 20, .channels_in = 16, .channels_out = 400, .kernel = 1, .bias = true}),
      linear({.tokens = 100, .fan_in = 16, .fan_out = 400, .bias = true}));
}

// Brute force over all pairs of positions.
TEST(Convolution, CountsTheTapsThatFallOnTheInput) {
  for (std::int64_t kernel = 1; kernel < 6; ++kernel) {
    for (std::int64_t stride = 1; stride < 5; ++stride) {
      for (std::int64_t padding = 0; padding < 5; ++padding) {
        for (std::int64_t dilation = 1; dilation < 4; ++dilation) {
          const ConvolutionShape shape{.batch = 3,
                                       .length = 9,
                                       .channels_in = 1,
                                       .channels_out = 1,
                                       .kernel = kernel,
                                       .stride = stride,
                                       .padding = padding,
                                       .dilation = dilation};
          if (9 + 2 * padding < (kernel - 1) * dilation + 1) continue;
          int outputs = 0;
          int pairs = 0;
          for (std::int64_t start = -padding; start + (kernel - 1) * dilation < 9 + padding;
               start += stride) {
            ++outputs;
            for (std::int64_t tap = 0; tap < kernel; ++tap) {
              const std::int64_t position = start + tap * dilation;
              pairs += position >= 0 && position < 9 ? 1 : 0;
            }
          }
          EXPECT_EQ(output_length(shape), outputs);
          const auto count = static_cast<double>(pairs);
          expect_near(convolution(shape), {.output = std::sqrt(outputs / count),
                                           .inputs = {std::sqrt(9 / count),
                                                      std::sqrt(static_cast<double>(kernel) / (3 * count))}});
        }
      }
    }
  }
}

TEST(Convolution, RefusesWhatIsNoShape) {
  const ConvolutionShape good{.batch = 2, .length = 9, .channels_in = 4, .channels_out = 6, .kernel = 3};
  EXPECT_NO_THROW(convolution(good));
  const auto refuses = [&](auto change) {
    ConvolutionShape shape = good;
    change(shape);
    EXPECT_THROW(convolution(shape), Error);
  };
  refuses([](ConvolutionShape& shape) { shape.batch = 0; });
  refuses([](ConvolutionShape& shape) { shape.length = 0; });
  refuses([](ConvolutionShape& shape) { shape.channels_in = 0; });
  refuses([](ConvolutionShape& shape) { shape.channels_out = -6; });
  refuses([](ConvolutionShape& shape) { shape.kernel = 10; });
  refuses([](ConvolutionShape& shape) { shape.groups = 3; });
  refuses([](ConvolutionShape& shape) { shape.groups = 0; });
  refuses([](ConvolutionShape& shape) { shape.stride = 0; });
  refuses([](ConvolutionShape& shape) { shape.dilation = 0; });
  refuses([](ConvolutionShape& shape) { shape.padding = -1; });
  refuses([](ConvolutionShape& shape) {
    shape = {.batch = 1, .length = 1, .channels_in = 1, .channels_out = 1, .kernel = 2, .stride = 9};
    shape.padding = 4;
    shape.dilation = 8;
  });
}

TEST(Embedding, HasTheRootOfLookUpsPerRow) {
  expect_near(embedding(4096, 1024), {.output = 1, .inputs = {2}});
}

}  // namespace
}  // namespace filigree::scaling
