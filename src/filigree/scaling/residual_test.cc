#include "filigree/scaling/residual.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "filigree/base/error.h"

namespace filigree::scaling {
namespace {

// What each branch, and the embedding before them (the last entry), contributes to the last output's
// variance.
std::vector<double> contributions(const std::vector<ResidualWeights>& weights) {
  std::vector<double> variances;
  double embedding = 1;
  for (const auto& [skip, branch] : weights) {
    for (double& variance : variances) variance *= skip * skip;
    embedding *= skip * skip;
    variances.push_back(branch * branch);
  }
  variances.push_back(embedding);
  return variances;
}

TEST(ResidualWeights, KeepTheVariance) {
  for (const double tau : {0.0, 0.01, 0.4, 1.0}) {
    const auto [skip, branch] = residual_weights(VarianceShare{tau});
    EXPECT_NEAR(skip * skip + branch * branch, 1, 1e-15);
    EXPECT_NEAR(branch * branch, tau, 1e-15);
  }
  for (const double tau : {0.0, 0.2, 1.0, 3.0, 1e200}) {
    const auto [skip, branch] = residual_weights(BranchRatio{tau});
    EXPECT_NEAR(skip * skip + branch * branch, 1, 1e-15);
    EXPECT_NEAR(branch, tau * skip, 1e-15);
  }
}

TEST(ResidualWeights, OfTheRunningMeanGiveAllBranchesTheSamePart) {
  std::vector<ResidualWeights> weights;
  for (std::int64_t i = 0; i < 6; ++i) weights.push_back(residual_weights(running_mean(i)));
  EXPECT_EQ(weights[0].skip, 0) << "the first sublayer has no skip";
  const std::vector<double> parts = contributions(weights);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(parts[i], 1.0 / 6, 1e-12) << i;
  EXPECT_EQ(parts[6], 0);
}

// What the multipliers are defined to mean: all attention branches give the same part, so do all feed-forward
// branches, with attn_ratio^2 between them, and all branches against the embedding give residual_mult^2 * 2.
TEST(TransformerResidual, GivesThePartsThatItsMultipliersMean) {
  for (const std::int64_t sublayers : {2, 4, 24, 96}) {
    for (const double mult : {0.25, 1.0, 2.0}) {
      for (const double ratio : {0.5, 1.0, 4.0}) {
        const TransformerDepth depth{.sublayers = sublayers, .residual_mult = mult, .attn_ratio = ratio};
        std::vector<ResidualWeights> weights;
        for (std::int64_t i = 0; i < sublayers; ++i) {
          weights.push_back(residual_weights(transformer_residual(i, depth)));
        }
        const std::vector<double> parts = contributions(weights);
        double sum = 0;
        for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
          EXPECT_NEAR(parts[i], parts[i % 2], 1e-12);
          sum += parts[i];
        }
        EXPECT_NEAR(parts[0] / parts[1], ratio * ratio, 1e-9);
        EXPECT_NEAR(sum / parts.back(), 2 * mult * mult, 1e-9);
        EXPECT_NEAR(sum + parts.back(), 1, 1e-12);
      }
    }
  }
}

TEST(TransformerResidual, HasKnownValues) {
  // L = 4, both multipliers 1: squares are 1 / (2 + index).
  for (std::int64_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(transformer_residual(i, {.sublayers = 4}).tau, std::sqrt(1 / (2 + static_cast<double>(i))),
                1e-15);
  }
}

TEST(Residual, RefusesWhatIsNone) {
  for (const double bad : {-0.1, 1.1, std::nan("")}) {
    EXPECT_THROW(residual_weights(VarianceShare{bad}), Error) << bad;
  }
  for (const double bad : {-0.1, HUGE_VAL, std::nan("")}) {
    EXPECT_THROW(residual_weights(BranchRatio{bad}), Error) << bad;
  }
  EXPECT_THROW(running_mean(-1), Error);
  EXPECT_THROW(transformer_residual(0, {.sublayers = 0}), Error);
  EXPECT_THROW(transformer_residual(0, {.sublayers = 3}), Error);
  EXPECT_THROW(transformer_residual(4, {.sublayers = 4}), Error);
  EXPECT_THROW(transformer_residual(-1, {.sublayers = 4}), Error);
  EXPECT_THROW(transformer_residual(0, {.sublayers = 4, .residual_mult = 0}), Error);
  EXPECT_THROW(transformer_residual(0, {.sublayers = 4, .attn_ratio = std::nan("")}), Error);
}

}  // namespace
}  // namespace filigree::scaling
