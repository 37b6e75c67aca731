#include "filigree/scaling/quadrature.h"

#include <gtest/gtest.h>

namespace filigree::scaling {
namespace {

TEST(NormalMean, OfPowersIsExact) {
  for (const double steepness : {0.01, 1.0, 30.0, 1e6}) {
    const double moments[] = {1, 0, 1, 0, 3, 0, 15, 0, 105};
    for (int power = 0; power < 9; ++power) {
      EXPECT_NEAR(normal_mean(steepness, [&](double x) { return std::pow(x, power); }), moments[power],
                  1e-11 * (1 + moments[power]))
          << "x^" << power << " at steepness " << steepness;
    }
  }
}

// E[exp(-(m x)^2 / 2)] = (1 + m^2)^-1/2, E[Phi(m x)^2] = 1/4 + asin(m^2 / (1 + m^2)) / (2 pi).
TEST(NormalMean, OfSteepFunctionsIsExact) {
  for (const double m : {1e-3, 0.1, 1.0, 10.0, 1e3, 1e6}) {
    EXPECT_NEAR(normal_mean(m, [&](double x) { return std::exp(-m * m * x * x / 2); }) * std::hypot(1, m), 1,
                1e-11)
        << m;
    const double square = m * m / (1 + m * m);
    EXPECT_NEAR(normal_mean(m, [&](double x) { return std::pow(std::erfc(-m * x * std::sqrt(0.5)) / 2, 2); }),
                0.25 + std::asin(square) / (2 * std::numbers::pi), 1e-11)
        << m;
  }
}

// E|x|^k = 2^(k / 2) Gamma((d + k) / 2) / Gamma(d / 2).
TEST(ChiNodes, HaveTheMomentsOfALength) {
  for (const double dimension : {1.0, 2.0, 3.0, 16.0, 128.0, 8192.0}) {
    for (const int power : {0, 1, 2, 4}) {
      double mean = 0;
      for (const ChiNode& node : chi_nodes(dimension)) mean += node.weight * std::pow(node.value, power);
      const double expected = std::exp(power * std::log(2) / 2 + std::lgamma((dimension + power) / 2) -
                                       std::lgamma(dimension / 2));
      EXPECT_NEAR(mean / expected, 1, 1e-5) << "|x|^" << power << " of " << dimension;
    }
    EXPECT_LT(chi_nodes(dimension).size(), 64U);
  }
}

}  // namespace
}  // namespace filigree::scaling
