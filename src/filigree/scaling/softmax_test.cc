#include "filigree/scaling/softmax.h"

#include <gtest/gtest.h>

#include <cmath>

#include "filigree/base/error.h"

namespace filigree::scaling {
namespace {

TEST(Softmax, OfFlatLogitsIsThePublishedRule) {
  for (const std::int64_t classes : {16, 4096}) {
    const auto n = static_cast<double>(classes);
    const Factors factors = softmax(classes, 1e-4);
    EXPECT_NEAR(factors.output / n, 1, 1e-6);
    EXPECT_NEAR(factors.inputs.at(0) * 1e-4 / (n / std::sqrt(1 - 1 / n)), 1, 1e-6);
  }
}

// What the interpolation of the unit_scaling library misses: factors that it would multiply by were measured
// to leave 0.72 of the output at n = 4096, multiplier 1, and 0.55 of the gradient at n = 4, multiplier 4.
TEST(Softmax, IsExactWhereInterpolationIsFarOff) {
  const auto interpolated = [](double part, double low, double high) {
    return std::exp(part * std::log(high) + (1 - part) * std::log(low));
  };
  EXPECT_NEAR(interpolated(1.0 / 5, 4096, 64) / softmax(4096).output, 0.72, 5e-3);
  EXPECT_NEAR(interpolated(1 / (1 + 4.0 / 16), 4.0 / 4, 1) / softmax(4, 4).inputs[0], 0.55, 2e-2);
}

double gradient(const CrossEntropyShape& shape) { return softmax_cross_entropy(shape).inputs.at(0); }

TEST(SoftmaxCrossEntropy, OfZeroLogitsIsThePublishedRule) {
  for (const std::int64_t classes : {2, 10, 30'000}) {
    const auto s = static_cast<double>(classes);
    EXPECT_NEAR(gradient({.classes = classes, .live_tokens = 1, .logit_deviation = 0}), s / std::sqrt(s - 1),
                1e-9 * s);
  }
}

// How far the rule for zero logits is off where logits are N(0, 1), by simulation.
TEST(SoftmaxCrossEntropy, CorrectsTheRuleForLogitsThatAreNotZero) {
  const struct {
    std::int64_t classes;
    double excess;
  } measured[] = {{2, 1.126}, {16, 1.037}, {256, 1.003}};
  for (const auto& [classes, excess] : measured) {
    const double flat = gradient({.classes = classes, .live_tokens = 1, .logit_deviation = 0});
    EXPECT_NEAR(flat / gradient({.classes = classes, .live_tokens = 1}), excess, 3e-3) << classes;
  }
}

TEST(SoftmaxCrossEntropy, CountsLiveTokensOnly) {
  EXPECT_NEAR(gradient({.classes = 100, .live_tokens = 96}) / gradient({.classes = 100, .live_tokens = 1}),
              96, 1e-9);
}

// Zero logits: p - t = (1 - smoothing) (1 / s - onehot).
TEST(SoftmaxCrossEntropy, SmoothedLabelsGiveSmallerGradients) {
  const CrossEntropyShape hard{.classes = 10, .live_tokens = 7, .logit_deviation = 0};
  CrossEntropyShape smooth = hard;
  smooth.label_smoothing = 0.25;
  EXPECT_NEAR(gradient(smooth), gradient(hard) / 0.75, 1e-9);
}

TEST(Softmax, RefusesWhatIsNoShape) {
  EXPECT_THROW(softmax(1), Error);
  EXPECT_THROW(softmax(-5), Error);
  for (const double bad : {0.0, -1.0, 300.0, std::nan("")}) EXPECT_THROW(softmax(16, bad), Error) << bad;
  EXPECT_THROW(gradient({.classes = 1, .live_tokens = 1}), Error);
  EXPECT_THROW(gradient({.classes = 9, .live_tokens = 0}), Error);
  EXPECT_THROW(gradient({.classes = 9, .live_tokens = 1, .label_smoothing = 1}), Error);
  EXPECT_THROW(gradient({.classes = 9, .live_tokens = 1, .logit_deviation = -1}), Error);
}

}  // namespace
}  // namespace filigree::scaling
