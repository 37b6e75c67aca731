#include "filigree/scaling/pointwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "filigree/base/error.h"

namespace filigree::scaling {
namespace {

// The constants of table A.2 of the paper, and of u-muP's SiLU, computed anew to more digits.
TEST(Pointwise, HasThePublishedConstants) {
  const struct {
    Pointwise function;
    double output;
    double gradient;
  } published[] = {
      {Pointwise::kRelu, 1.71286, 1.41421}, {Pointwise::kGelu, 1.70093, 1.48111},
      {Pointwise::kTanh, 1.59254, 1.46741}, {Pointwise::kSigmoid, 4.80131, 4.72265},
      {Pointwise::kSilu, 1.78719, 1.62332},
  };
  for (const auto& [function, output, gradient] : published) {
    const Factors factors = pointwise(function);
    EXPECT_NEAR(factors.output, output, 6e-6) << static_cast<int>(function);
    EXPECT_NEAR(factors.inputs.at(0), gradient, 6e-6) << static_cast<int>(function);
  }
}

TEST(Pointwise, GeluByTanhIsNearlyGelu) {
  for (const double m : {0.25, 1.0, 4.0}) {
    EXPECT_NEAR(pointwise(Pointwise::kGeluTanh, m).output / pointwise(Pointwise::kGelu, m).output, 1, 1e-3);
    EXPECT_NEAR(pointwise(Pointwise::kGeluTanh, m).inputs[0] / pointwise(Pointwise::kGelu, m).inputs[0], 1,
                1e-3);
  }
}

// A steep GELU or SiLU is relu, a flat one x / 2; a flat tanh is m x, a steep one a sign, a steep sigmoid a
// step.
TEST(Pointwise, MultipliersRunFromLinearToHard) {
  const Factors relu = pointwise(Pointwise::kRelu);
  for (const Pointwise function : {Pointwise::kGelu, Pointwise::kGeluTanh, Pointwise::kSilu}) {
    EXPECT_NEAR(pointwise(function, 1e5).output, relu.output, 1e-4);
    EXPECT_NEAR(pointwise(function, 1e5).inputs[0], relu.inputs[0], 1e-4);
    EXPECT_NEAR(pointwise(function, 1e-5).output, 2, 1e-4);
    EXPECT_NEAR(pointwise(function, 1e-5).inputs[0], 2, 1e-4);
  }
  EXPECT_NEAR(pointwise(Pointwise::kTanh, 1e-4).output * 1e-4, 1, 1e-6);
  EXPECT_NEAR(pointwise(Pointwise::kTanh, 1e6).output, 1, 1e-5);
  EXPECT_NEAR(pointwise(Pointwise::kSigmoid, 1e-6).output * 1e-6 / 4, 1, 1e-6);
  EXPECT_NEAR(pointwise(Pointwise::kSigmoid, 1e6).output, 2, 1e-5);
  // m^2 E[sech^4(m x)] -> m (4 / 3) / sqrt(2 pi)
  EXPECT_NEAR(pointwise(Pointwise::kTanh, 1e6).inputs[0],
              std::sqrt(std::sqrt(2 * std::numbers::pi) * 0.75e-6), 1e-9);
  EXPECT_EQ(pointwise(Pointwise::kRelu, 7), relu);
}

TEST(Gated, HasTheRootMeanSquareOfTheGate) {
  // E[relu^2] = 1/2; E[sigmoid^2] = variance + 1/4.
  const Factors reglu = gated(Pointwise::kRelu);
  EXPECT_NEAR(reglu.output, std::numbers::sqrt2, 1e-12);
  EXPECT_NEAR(reglu.inputs.at(0), std::numbers::sqrt2, 1e-12);
  EXPECT_NEAR(reglu.inputs.at(1), std::numbers::sqrt2, 1e-12);
  const Factors glu = gated(Pointwise::kSigmoid, 3);
  const Factors sigmoid = pointwise(Pointwise::kSigmoid, 3);
  EXPECT_NEAR(std::pow(glu.output, -2), std::pow(sigmoid.output, -2) + 0.25, 1e-12);
  EXPECT_EQ(glu.inputs.at(0), glu.output);
  EXPECT_NEAR(glu.inputs.at(1), sigmoid.inputs[0], 1e-12);
  // u-muP's interpolation for SwiGLU is within 4 % of the integral.
  EXPECT_NEAR(gated(Pointwise::kSilu).output, std::sqrt(2 * std::numbers::sqrt2), 0.04 * 1.7);
}

TEST(Pointwise, RefusesMultipliersThatAreNone) {
  for (const double bad : {0.0, -1.0, 1e-7, 1e7, HUGE_VAL, std::nan("")}) {
    EXPECT_THROW(pointwise(Pointwise::kGelu, bad), Error) << bad;
    EXPECT_THROW(gated(Pointwise::kSilu, bad), Error) << bad;
  }
}

TEST(Pointwise, IsNamed) {
  for (const PointwiseName& entry : pointwise_names()) {
    EXPECT_TRUE(std::isfinite(pointwise(entry.function, 0.5).output)) << entry.name;
  }
}

}  // namespace
}  // namespace filigree::scaling
