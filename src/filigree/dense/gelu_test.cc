#include "filigree/dense/gelu.h"

#include "filigree/dense/testing.h"

namespace filigree::dense {
namespace {

using namespace filigree::dense::testing;  // NOLINT(google-build-using-namespace)

template <typename T>
class Gelu : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Gelu, Types);

// With erfc the lower tail keeps its relative accuracy.
double phi(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }
double gelu(double x) { return x * phi(x); }
double gelu_slope(double x) { return phi(x) + x * std::exp(-0.5 * x * x) / std::sqrt(2 * std::acos(-1.0)); }

template <typename T>
double with_bias(const Matrix<T>& x, const Matrix<T>* bias, std::int64_t r, std::int64_t c) {
  return static_cast<double>(bias == nullptr ? x(r, c) : x(r, c) + (*bias)(c));  // rounded as the op does
}

TYPED_TEST(Gelu, ForwardMatchesErfc) {
  on_every_shape([](const Shape& s) {
    const auto x = Matrix<TypeParam>::random(s.rows, s.columns, s.gap, 1, 2);
    const auto bias = Matrix<TypeParam>::random(1, s.columns, 0, 2);
    for (const Matrix<TypeParam>* b : {static_cast<const Matrix<TypeParam>*>(nullptr), &bias}) {
      Matrix<double> expected(s.rows, s.columns);
      for (std::int64_t r = 0; r < s.rows; ++r) {
        for (std::int64_t c = 0; c < s.columns; ++c) expected(r, c) = gelu(with_bias(x, b, r, c));
      }
      Matrix<TypeParam> y(s.rows, s.columns, s.gap);
      bias_gelu<TypeParam>(x.view(), b == nullptr ? nullptr : b->data(), y.view());
      expect_close(y, expected, ulps<TypeParam>(4), "y");
      auto in_place = x;
      bias_gelu<TypeParam>(in_place.view(), b == nullptr ? nullptr : b->data(), in_place.view());
      EXPECT_EQ(in_place.elements(), y.elements());
    }
  });
}

TYPED_TEST(Gelu, BackwardMatchesErfc) {
  on_every_shape([](const Shape& s) {
    const auto dy = Matrix<TypeParam>::random(s.rows, s.columns, s.gap, 1);
    const auto x = Matrix<TypeParam>::random(s.rows, s.columns, s.gap, 2, 2);
    const auto bias = Matrix<TypeParam>::random(1, s.columns, 0, 3);
    for (const Matrix<TypeParam>* b : {static_cast<const Matrix<TypeParam>*>(nullptr), &bias}) {
      const TypeParam* bias_data = b == nullptr ? nullptr : b->data();
      Matrix<double> expected(s.rows, s.columns);
      Matrix<double> expected_dbias(1, s.columns);
      for (std::int64_t r = 0; r < s.rows; ++r) {
        for (std::int64_t c = 0; c < s.columns; ++c) {
          expected(r, c) = static_cast<double>(dy(r, c)) * gelu_slope(with_bias(x, b, r, c));
          expected_dbias(c) += expected(r, c);
        }
      }
      Matrix<TypeParam> dx(s.rows, s.columns, s.gap);
      Matrix<TypeParam> dbias(1, s.columns, 0, TypeParam(77));
      bias_gelu_backward<TypeParam>(dy.view(), x.view(), bias_data, dx.view(), dbias.data());
      expect_close(dx, expected, ulps<TypeParam>(8), "dx");
      expect_close(dbias, expected_dbias, ulps<TypeParam>(64), "dbias");
      auto in_place = dy;
      bias_gelu_backward<TypeParam>(in_place.view(), x.view(), bias_data, in_place.view(), nullptr);
      EXPECT_EQ(in_place.elements(), dx.elements());
    }
  });
}

// gelu's float values over [-12, 12], each against double; near -12 they are of the order of 1e-32.
TEST(GeluAccuracy, FloatKeepsItsRelativeAccuracyInTheLowerTail) {
  constexpr std::int64_t kSteps = 1 << 18;
  Matrix<float> x(1, 24 * kSteps / 16 + 1);
  std::int64_t step = 0;
  x.fill([&] { return static_cast<float>(-12.0 + 16.0 / kSteps * static_cast<double>(step++)); });
  on_every_isa([&] {
    Matrix<float> y(1, x.columns());
    bias_gelu<float>(x.view(), nullptr, y.view());
    double worst = 0, worst_at = 0;
    for (std::int64_t i = 0; i < x.columns(); ++i) {
      const double wanted = gelu(static_cast<double>(x(i)));
      if (wanted == 0) {
        EXPECT_EQ(y(i), 0.0F);
        continue;
      }
      const double error = std::abs(static_cast<double>(y(i)) / wanted - 1);
      if (error > worst) worst = error, worst_at = static_cast<double>(x(i));
    }
    EXPECT_LT(worst, 1e-6) << "at " << worst_at;
  });
}

// The slope crosses zero near -0.75, so its error counts absolutely there, relatively in the tail.
TEST(GeluAccuracy, FloatSlopeIsAsAccurate) {
  constexpr std::int64_t kSteps = 1 << 18;
  Matrix<float> x(1, 24 * kSteps / 16 + 1);
  std::int64_t step = 0;
  x.fill([&] { return static_cast<float>(-12.0 + 16.0 / kSteps * static_cast<double>(step++)); });
  const Matrix<float> dy(1, x.columns(), 0, 1.0F);
  on_every_isa([&] {
    Matrix<float> dx(1, x.columns());
    bias_gelu_backward<float>(dy.view(), x.view(), nullptr, dx.view(), nullptr);
    for (std::int64_t i = 0; i < x.columns(); ++i) {
      const auto at = static_cast<double>(x(i));
      const double wanted = gelu_slope(at);
      const double error = std::abs(static_cast<double>(dx(i)) - wanted);
      ASSERT_LT(error, at < -1.5 ? 2e-6 * std::abs(wanted) : 4e-7) << "at " << at;
    }
  });
}

TYPED_TEST(Gelu, LimitsAndNotANumber) {
  on_every_isa([] {
    const auto infinity = std::numeric_limits<TypeParam>::infinity();
    const auto nan = std::numeric_limits<TypeParam>::quiet_NaN();
    Matrix<TypeParam> x(1, 19);
    x(0) = 100, x(1) = -100, x(2) = infinity, x(3) = nan, x(17) = nan,
    x(18) = std::numeric_limits<TypeParam>::max();
    Matrix<TypeParam> y(1, 19);
    bias_gelu<TypeParam>(x.view(), nullptr, y.view());
    EXPECT_EQ(y(0), 100);
    EXPECT_EQ(y(1), 0);
    EXPECT_EQ(y(2), infinity);
    EXPECT_TRUE(std::isnan(y(3)));
    EXPECT_EQ(y(4), 0);
    EXPECT_TRUE(std::isnan(y(17)));
    EXPECT_EQ(y(18), x(18));
    const Matrix<TypeParam> dy(1, 19, 0, TypeParam(1));
    bias_gelu_backward<TypeParam>(dy.view(), x.view(), nullptr, y.view(), nullptr);
    EXPECT_EQ(y(0), 1);
    EXPECT_EQ(y(1), 0);
    EXPECT_TRUE(std::isnan(y(3)));
    EXPECT_NEAR(y(4), 0.5, 1e-7);
    EXPECT_TRUE(std::isnan(y(17)));
    EXPECT_EQ(y(18), 1);
  });
}

TEST(GeluGradient, AgreesWithFiniteDifferences) {
  on_every_isa([] {
    for (const bool with : {false, true}) {
      auto x = Matrix<double>::random(5, 7, 2, 1, 2);
      auto bias = Matrix<double>::random(1, 7, 0, 2);
      const auto dy = Matrix<double>::random(5, 7, 2, 3);
      const double* b = with ? bias.data() : nullptr;
      Matrix<double> dx(5, 7, 2);
      Matrix<double> dbias(1, 7);
      bias_gelu_backward<double>(dy.view(), x.view(), b, dx.view(), dbias.data());
      const auto loss = [&] {
        Matrix<double> y(5, 7, 2);
        bias_gelu<double>(x.view(), b, y.view());
        return dot(y, dy);
      };
      expect_gradient(x, dx, loss, "dx");
      if (with) expect_gradient(bias, dbias, loss, "dbias");
    }
  });
}

TYPED_TEST(Gelu, SameBitsForAnyThreadCount) {
  const auto x = Matrix<TypeParam>::random(257, 100, 5, 1, 2);
  const auto dy = Matrix<TypeParam>::random(257, 100, 5, 2);
  const auto bias = Matrix<TypeParam>::random(1, 100, 0, 3);
  on_every_isa([&] {
    expect_same_bits_for_any_thread_count([&] {
      Matrix<TypeParam> y(257, 100, 5), dx(257, 100, 5), dbias(1, 100);
      bias_gelu<TypeParam>(x.view(), bias.data(), y.view());
      bias_gelu_backward<TypeParam>(dy.view(), x.view(), bias.data(), dx.view(), dbias.data());
      auto all = y.elements();
      append(all, dx.elements());
      append(all, dbias.elements());
      return all;
    });
  });
}

}  // namespace
}  // namespace filigree::dense
