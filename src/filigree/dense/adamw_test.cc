#include "filigree/dense/adamw.h"

#include "filigree/dense/testing.h"

namespace filigree::dense {
namespace {

using namespace filigree::dense::testing;  // NOLINT(google-build-using-namespace)

template <typename T>
class AdamW : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(AdamW, Types);

struct State {
  Matrix<double> weight, first, second;
};

// Algorithm 2 of the paper, line by line, with decay scaled by the learning rate; beta powers by
// repeated products.
void textbook_step(const AdamWStep& s, const Matrix<double>& gradient, State& state) {
  double power1 = 1, power2 = 1;
  for (std::int64_t i = 0; i < s.step; ++i) power1 *= s.beta1, power2 *= s.beta2;
  for (std::int64_t i = 0; i < gradient.columns(); ++i) {
    const double g = s.gradient_scale * gradient(i);
    state.first(i) = s.beta1 * state.first(i) + (1 - s.beta1) * g;
    state.second(i) = s.beta2 * state.second(i) + (1 - s.beta2) * g * g;
    const double first_hat = state.first(i) / (1 - power1);
    const double second_hat = state.second(i) / (1 - power2);
    state.weight(i) -= s.learning_rate * s.weight_decay * state.weight(i) +
                       s.learning_rate * first_hat / (std::sqrt(second_hat) + s.epsilon);
  }
}

AdamWStep step_of(std::int64_t step) {
  return {.learning_rate = 1e-2 / static_cast<double>(step),
          .beta1 = 0.9,
          .beta2 = 0.99,
          .epsilon = 1e-6,
          .weight_decay = 0.1,
          .step = step,
          .gradient_scale = step % 2 == 0 ? 1.0 : 0.3};
}

TYPED_TEST(AdamW, MatchesTheTextbookOverSeveralSteps) {
  const ThreadCount one(1);
  on_every_isa([] {
    for (const std::int64_t count : {0, 1, 3, 7, 16, 17, 100, 16384, 40000}) {
      SCOPED_TRACE(count);
      auto weight = Matrix<TypeParam>::random(1, count, 0, 1);
      Matrix<TypeParam> first(1, count), second(1, count);
      State expected{to_double(weight), to_double(first), to_double(second)};
      for (std::int64_t step = 1; step <= 6; ++step) {
        const auto gradient =
            Matrix<TypeParam>::random(1, count, 0, static_cast<std::uint64_t>(10 + step), 0.1);
        adamw<TypeParam>(step_of(step), gradient.data(), weight.data(), first.data(), second.data(), count);
        textbook_step(step_of(step), to_double(gradient), expected);
      }
      expect_close(weight, expected.weight, ulps<TypeParam>(8), "weight");
      expect_close(first, expected.first, ulps<TypeParam>(8), "first moment");
      expect_close(second, expected.second, ulps<TypeParam>(16), "second moment");
    }
  });
}

// One step moves a weight by the learning rate, whatever the gradient's size: the bias corrections.
TYPED_TEST(AdamW, TheFirstStepIsTheLearningRate) {
  for (const double size : {1e-3, 1.0, 1e3}) {
    const auto g = static_cast<TypeParam>(-size);
    TypeParam w = 1, m = 0, v = 0;
    adamw<TypeParam>({.learning_rate = 0.125, .epsilon = 1e-12}, &g, &w, &m, &v, 1);
    EXPECT_NEAR(w, 1.125, 1e-6);
  }
}

TYPED_TEST(AdamW, WithoutGradientOnlyDecayMovesAWeight) {
  const TypeParam g = 0;
  TypeParam w = 2, m = 0, v = 0;
  adamw<TypeParam>({.learning_rate = 0.5, .weight_decay = 0.25}, &g, &w, &m, &v, 1);
  EXPECT_EQ(w, TypeParam(2 * (1 - 0.125)));
  EXPECT_EQ(m, 0);
  EXPECT_EQ(v, 0);
}

TYPED_TEST(AdamW, NotANumberInAGradientReachesItsWeightAlone) {
  on_every_isa([] {
    for (const std::int64_t place : {0, 5, 18}) {
      Matrix<TypeParam> g(1, 19), w(1, 19), m(1, 19), v(1, 19);
      g(place) = std::numeric_limits<TypeParam>::quiet_NaN();
      adamw<TypeParam>({.learning_rate = 0.1}, g.data(), w.data(), m.data(), v.data(), 19);
      for (std::int64_t i = 0; i < 19; ++i) EXPECT_EQ(std::isnan(w(i)), i == place) << i;
    }
  });
}

TYPED_TEST(AdamW, SameBitsForAnyThreadCount) {
  constexpr std::int64_t kCount = 100003;
  const auto gradient = Matrix<TypeParam>::random(1, kCount, 0, 1);
  const auto start = Matrix<TypeParam>::random(1, kCount, 0, 2);
  on_every_isa([&] {
    expect_same_bits_for_any_thread_count([&] {
      auto weight = start;
      Matrix<TypeParam> first(1, kCount), second(1, kCount);
      for (std::int64_t step = 1; step <= 2; ++step) {
        adamw<TypeParam>(step_of(step), gradient.data(), weight.data(), first.data(), second.data(), kCount);
      }
      auto all = weight.elements();
      append(all, first.elements());
      append(all, second.elements());
      return all;
    });
  });
}

}  // namespace
}  // namespace filigree::dense
