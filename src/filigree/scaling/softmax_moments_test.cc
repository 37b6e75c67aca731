#include "filigree/scaling/softmax_moments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/philox.h"
#include "filigree/scaling/quadrature.h"

namespace filigree::scaling {
namespace {

SoftmaxMoments moments(double sigma, std::int64_t n) { return SoftmaxIntegral(sigma, n).moments(n); }

// Of two logits p is a sigmoid of their difference: one-dimensional integrals.
TEST(SoftmaxMoments, OfTwoLogitsAreThoseOfASigmoid) {
  for (const double sigma : {1e-6, 0.0625, 0.5, 1.0, 3.0, 16.0, 100.0}) {
    const auto mean = [&](auto f) {
      const double steepness = sigma * std::sqrt(2.0);
      return normal_mean(steepness, [&](double x) { return f(1 / (1 + std::exp(-steepness * x)), x); });
    };
    const double square = mean([](double p, double) { return p * p; });
    const double backward = mean([](double p, double) { return 2 * std::pow(p * (1 - p), 2); });
    // z_1 - p z_1 - (1 - p) z_2 = (1 - p) sqrt(2) x
    const double along = mean([](double p, double x) { return 2 * std::pow(p * (1 - p) * x, 2); });
    const SoftmaxMoments two = moments(sigma, 2);
    EXPECT_NEAR(two.square / square, 1, 2e-6) << sigma;
    EXPECT_NEAR(two.backward / backward, 1, 2e-6) << sigma;
    EXPECT_NEAR(two.backward_along / along, 1, 2e-6) << sigma;
  }
}

TEST(SoftmaxMoments, OfFlatLogitsArePowers) {
  for (const std::int64_t n : {2, 16, 4096, 1'000'000}) {
    const SoftmaxMoments p = moments(0, n);
    const auto count = static_cast<double>(n);
    EXPECT_NEAR(p.square * count * count, 1, 1e-6);
    EXPECT_NEAR(p.backward * count * count, 1 - 1 / count, 2e-5);
    EXPECT_NEAR(p.backward_along * count * count, 1 - 1 / count, 2e-5);
  }
  const SoftmaxMoments one = moments(3, 1);
  EXPECT_EQ(one.square, 1);
  EXPECT_EQ(one.backward, 0);
}

// Of many logits that are not too spread, sums are their means: E[p^2] -> exp(sigma^2) / n^2.
TEST(SoftmaxMoments, OfManyLogitsAreThoseOfALogNormal) {
  EXPECT_NEAR(moments(1, 100'000'000).square * 1e16, std::exp(1), 1e-5);
  EXPECT_NEAR(moments(1, 100'000'000).backward * 1e16, std::exp(1), 1e-4);
}

TEST(SoftmaxMoments, OfOneIntegralServeAnyNumberOfLogits) {
  const SoftmaxIntegral integral(2, 5000);
  for (const std::int64_t n : {1, 2, 77, 5000}) {
    EXPECT_NEAR(integral.moments(n).backward, moments(2, n).backward, 1e-9 * moments(2, n).square) << n;
  }
  EXPECT_THROW(integral.moments(5001), Error);
  EXPECT_THROW(integral.moments(0), Error);
}

// A mean, and how far it may be off by chance.
class Sample {
 public:
  void add(double value) {
    ++count_;
    sum_ += value;
    squares_ += value * value;
  }
  double mean() const { return sum_ / count_; }
  double standard_error() const { return std::sqrt((squares_ / count_ - mean() * mean()) / count_); }

 private:
  double count_ = 0;
  double sum_ = 0;
  double squares_ = 0;
};

void expect_within_chance(double moment, const Sample& sample, const char* what) {
  EXPECT_NEAR(moment, sample.mean(), 4 * sample.standard_error()) << what;
  EXPECT_LT(sample.standard_error(), 0.04 * sample.mean()) << what << ": too few draws to say anything";
}

TEST(SoftmaxMoments, AgreeWithSimulation) {
  const struct {
    double sigma;
    std::size_t n;
    int draws;
  } cases[] = {{0.25, 3, 30'000}, {1, 5, 30'000},  {4, 7, 30'000},
               {16, 3, 60'000},   {2, 100, 8'000}, {8, 400, 4'000}};
  Philox random(20'230'311, Purpose::kTest);
  for (const auto& [sigma, n, draws] : cases) {
    Sample square, backward, along;
    std::vector<double> z(n);
    std::vector<double> p(n);
    const auto count = static_cast<double>(n);
    for (int draw = 0; draw < draws; ++draw) {
      for (double& value : z) value = random.normal();
      const double largest = *std::max_element(z.begin(), z.end());
      double total = 0;
      for (std::size_t i = 0; i < n; ++i) total += p[i] = std::exp(sigma * (z[i] - largest));
      double squares = 0;
      double mean_z = 0;
      for (std::size_t i = 0; i < n; ++i) {
        p[i] /= total;
        squares += p[i] * p[i];
        mean_z += p[i] * z[i];
      }
      double back = 0;
      double back_along = 0;
      for (std::size_t i = 0; i < n; ++i) {
        back += p[i] * p[i] * ((1 - p[i]) * (1 - p[i]) + squares - p[i] * p[i]);
        back_along += std::pow(p[i] * (z[i] - mean_z), 2);
      }
      square.add(squares / count);
      backward.add(back / count);
      along.add(back_along / count);
    }
    const SoftmaxMoments exact = moments(sigma, static_cast<std::int64_t>(n));
    SCOPED_TRACE(sigma);
    expect_within_chance(exact.square, square, "E[p^2]");
    expect_within_chance(exact.backward, backward, "backward");
    expect_within_chance(exact.backward_along, along, "backward, along the logits");
  }
}

TEST(SoftmaxMoments, RefusesWhatIsNone) {
  for (const double bad : {-1.0, 257.0, std::nan("")}) EXPECT_THROW(SoftmaxIntegral(bad, 2), Error) << bad;
  EXPECT_THROW(SoftmaxIntegral(1, 0), Error);
}

}  // namespace
}  // namespace filigree::scaling
