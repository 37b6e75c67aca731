#include "filigree/dense/cross_entropy.h"

#include "filigree/dense/testing.h"

namespace filigree::dense {
namespace {

using namespace filigree::dense::testing;  // NOLINT(google-build-using-namespace)

template <typename T>
class CrossEntropy : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(CrossEntropy, Types);

std::vector<std::int64_t> random_labels(std::int64_t rows, std::int64_t classes) {
  Philox philox(9, Purpose::kTest);
  std::vector<std::int64_t> labels(static_cast<std::size_t>(rows));
  for (std::int64_t& label : labels)
    label = static_cast<std::int64_t>(philox.below(static_cast<std::uint64_t>(classes)));
  return labels;
}

struct Reference {
  Reference(Matrix<double> logits, const std::vector<std::int64_t>& labels, double factor)
      : probabilities(logits), gradient(logits), dbias(1, logits.columns()) {
    for (std::int64_t r = 0; r < logits.rows(); ++r) {
      const std::int64_t label = labels[static_cast<std::size_t>(r)];
      double top = logits(r, 0), sum = 0;
      for (std::int64_t c = 0; c < logits.columns(); ++c) top = std::max(top, logits(r, c));
      for (std::int64_t c = 0; c < logits.columns(); ++c) sum += std::exp(logits(r, c) - top);
      loss += std::log(sum) + top - logits(r, label);
      correct += logits(r, label) == top ? 1 : 0;
      for (std::int64_t c = 0; c < logits.columns(); ++c) {
        probabilities(r, c) = std::exp(logits(r, c) - top) / sum;
        gradient(r, c) = factor * (probabilities(r, c) - (c == label ? 1 : 0));
        dbias(c) += gradient(r, c);
      }
    }
  }
  double loss = 0;
  std::int64_t correct = 0;
  Matrix<double> probabilities, gradient, dbias;
};

// logits + bias, rounded as the op does.
template <typename T>
Matrix<T> biased(const Matrix<T>& logits, const T* bias) {
  auto sum = logits;
  for (std::int64_t r = 0; r < sum.rows(); ++r) {
    for (std::int64_t c = 0; c < sum.columns(); ++c) sum(r, c) += bias == nullptr ? T(0) : bias[c];
  }
  return sum;
}

TYPED_TEST(CrossEntropy, MatchesTheDefinition) {
  on_every_shape([](const Shape& s) {
    const auto logits = Matrix<TypeParam>::random(s.rows, s.columns, s.gap, 1, 3);
    const auto bias = Matrix<TypeParam>::random(1, s.columns, 0, 2);
    const auto labels = random_labels(s.rows, s.columns);
    for (const TypeParam* b : {static_cast<const TypeParam*>(nullptr), bias.data()}) {
      const TypeParam factor(0.25);
      const Reference expected(to_double(biased(logits, b)), labels, 0.25);
      auto x = logits;
      std::int64_t correct = -1;
      const double loss = cross_entropy<TypeParam>(x.view(), b, labels.data(), &correct);
      EXPECT_NEAR(loss, expected.loss, ulps<TypeParam>(16) * (expected.loss + static_cast<double>(s.rows)));
      EXPECT_EQ(correct, expected.correct);
      expect_close(x, expected.probabilities, ulps<TypeParam>(32), "probabilities");
      Matrix<TypeParam> dbias(1, s.columns, 0, TypeParam(77));
      auto without = x;
      cross_entropy_backward<TypeParam>(x.view(), labels.data(), factor, dbias.data());
      expect_close(x, expected.gradient, ulps<TypeParam>(32), "dlogits");
      expect_close(dbias, expected.dbias, ulps<TypeParam>(16), "dbias", 0.25 * static_cast<double>(s.rows));
      cross_entropy_backward<TypeParam>(without.view(), labels.data(), factor, nullptr);
      EXPECT_EQ(without.elements(), x.elements());
    }
  });
}

TYPED_TEST(CrossEntropy, TheCountOfHitsIsOptional) {
  auto x = Matrix<TypeParam>::random(3, 4, 0, 1);
  auto y = x;
  const std::vector<std::int64_t> labels = {0, 1, 2};
  std::int64_t correct = 0;
  EXPECT_EQ(cross_entropy<TypeParam>(x.view(), nullptr, labels.data(), nullptr),
            cross_entropy<TypeParam>(y.view(), nullptr, labels.data(), &correct));
}

// exp(1000) is infinite in both types.
TYPED_TEST(CrossEntropy, LargeLogitsDoNotOverflow) {
  on_every_isa([] {
    for (const std::int64_t classes : {3, 100}) {
      for (const double size : {1e3, 1e30}) {
        Matrix<TypeParam> x(3, classes, 0, static_cast<TypeParam>(-size));
        for (std::int64_t r = 0; r < 3; ++r) x(r, 2) = static_cast<TypeParam>(size);
        const std::vector<std::int64_t> labels = {2, 2, 1};
        std::int64_t correct = 0;
        const double loss = cross_entropy<TypeParam>(x.view(), nullptr, labels.data(), &correct);
        EXPECT_NEAR(loss / (2 * size), 1, 1e-6);
        EXPECT_EQ(correct, 2);
        EXPECT_EQ(x(0, 2), 1);
        EXPECT_EQ(x(0, 0), 0);
      }
    }
  });
}

// Logits in steps of 1/64, whose differences are exact: exp over its whole range, to a few ulps each.
// Ratios of probabilities, because the sum that they share has its own rounding.
TYPED_TEST(CrossEntropy, SmallProbabilitiesKeepTheirRelativeAccuracy) {
  on_every_isa([] {
    constexpr std::int64_t kClasses = 87 * 64;
    Matrix<TypeParam> x(1, kClasses);
    std::int64_t step = 0;
    x.fill([&] { return -static_cast<TypeParam>(step++) / 64; });
    const std::int64_t label = 0;
    cross_entropy<TypeParam>(x.view(), nullptr, &label, nullptr);
    std::int64_t c = 0;
    for (; c < kClasses; ++c) {
      if (x(c) < std::numeric_limits<TypeParam>::min()) break;  // fewer digits than the others
      const double ratio = static_cast<double>(x(c)) / static_cast<double>(x(0));
      ASSERT_NEAR(ratio / std::exp(-static_cast<double>(c) / 64), 1, ulps<TypeParam>(4)) << c;
    }
    EXPECT_GT(c, 82 * 64);
  });
}

TYPED_TEST(CrossEntropy, AClassOfMinusInfinityHasNoProbability) {
  on_every_isa([] {
    Matrix<TypeParam> x(1, 19);
    x(3) = x(18) = -std::numeric_limits<TypeParam>::infinity();
    const std::int64_t label = 0;
    EXPECT_NEAR(cross_entropy<TypeParam>(x.view(), nullptr, &label, nullptr), std::log(17.0), 1e-6);
    EXPECT_EQ(x(3), 0);
    EXPECT_EQ(x(18), 0);
  });
}

// A run stops on a loss that is not a number, so no place in a row may hide one.
TYPED_TEST(CrossEntropy, NotANumberAndInfinityReachTheLoss) {
  on_every_isa([] {
    for (const std::int64_t classes : {5, 37}) {
      for (std::int64_t place = 0; place < classes; ++place) {
        for (const TypeParam bad :
             {std::numeric_limits<TypeParam>::quiet_NaN(), std::numeric_limits<TypeParam>::infinity()}) {
          auto x = Matrix<TypeParam>::random(2, classes, 0, 1);
          x(1, place) = bad;
          const std::vector<std::int64_t> labels = {0, (place + 1) % classes};
          const double loss = cross_entropy<TypeParam>(x.view(), nullptr, labels.data(), nullptr);
          ASSERT_FALSE(std::isfinite(loss)) << bad << " at " << place << " of " << classes;
        }
      }
    }
  });
}

TYPED_TEST(CrossEntropy, ALabelOutOfRangeIsAUsageError) {
  Matrix<TypeParam> x(200, 5);
  for (const std::int64_t bad : {-1, 5, -100}) {
    std::vector<std::int64_t> labels(200, 0);
    labels[150] = bad;
    expect_usage_error([&] { cross_entropy<TypeParam>(x.view(), nullptr, labels.data(), nullptr); },
                       fmt::format("label {} of row 150", bad));
  }
}

TEST(CrossEntropyGradient, AgreesWithFiniteDifferences) {
  on_every_isa([] {
    auto logits = Matrix<double>::random(5, 7, 2, 1, 2);
    auto bias = Matrix<double>::random(1, 7, 0, 2);
    const auto labels = random_labels(5, 7);
    const double factor = 0.2;
    auto gradient = logits;
    Matrix<double> dbias(1, 7);
    cross_entropy<double>(gradient.view(), bias.data(), labels.data(), nullptr);
    cross_entropy_backward<double>(gradient.view(), labels.data(), factor, dbias.data());
    const auto loss = [&] {
      auto x = logits;
      return factor * cross_entropy<double>(x.view(), bias.data(), labels.data(), nullptr);
    };
    expect_gradient(logits, gradient, loss, "dlogits");
    expect_gradient(bias, dbias, loss, "dbias");
  });
}

TYPED_TEST(CrossEntropy, SameBitsForAnyThreadCount) {
  const auto logits = Matrix<TypeParam>::random(257, 100, 5, 1, 2);
  const auto bias = Matrix<TypeParam>::random(1, 100, 0, 2);
  const auto labels = random_labels(257, 100);
  on_every_isa([&] {
    expect_same_bits_for_any_thread_count([&] {
      auto x = logits;
      Matrix<TypeParam> dbias(1, 100);
      const double loss = cross_entropy<TypeParam>(x.view(), bias.data(), labels.data(), nullptr);
      cross_entropy_backward<TypeParam>(x.view(), labels.data(), TypeParam(0.1), dbias.data());
      std::vector<double> all = to_double(x).elements();
      append(all, to_double(dbias).elements());
      all.push_back(loss);
      return all;
    });
  });
}

}  // namespace
}  // namespace filigree::dense
