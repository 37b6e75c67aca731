#include "filigree/dense/layer_norm.h"

#include "filigree/dense/testing.h"

namespace filigree::dense {
namespace {

using namespace filigree::dense::testing;  // NOLINT(google-build-using-namespace)

template <typename T>
class LayerNorm : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(LayerNorm, Types);

constexpr double kEpsilon = 1e-3;

// Everything that one call reads and writes. Optional parts are left out by the flags.
template <typename T>
struct Case {
  Case(const Shape& s, bool with_bias, bool with_residual, bool with_dsum_in)
      : with_bias(with_bias),
        with_residual(with_residual),
        with_dsum_in(with_dsum_in),
        x(Matrix<T>::random(s.rows, s.columns, s.gap, 1)),
        bias(Matrix<T>::random(1, s.columns, 0, 2)),
        residual(Matrix<T>::random(s.rows, s.columns, s.gap + 1, 3, 2, 1)),
        gamma(Matrix<T>::random(1, s.columns, 0, 4, 0.5, 1)),
        beta(Matrix<T>::random(1, s.columns, 0, 5)),
        dy(Matrix<T>::random(s.rows, s.columns, s.gap, 6)),
        dsum_in(Matrix<T>::random(s.rows, s.columns, s.gap + 2, 7)),
        sum(s.rows, s.columns, s.gap),
        y(s.rows, s.columns, s.gap),
        mean(1, s.rows),
        rstd(1, s.rows),
        dsum(s.rows, s.columns, s.gap),
        dgamma(1, s.columns, 0, T(77)),
        dbeta(1, s.columns, 0, T(77)),
        dbias(1, s.columns, 0, T(77)) {}

  void forward() {
    const Matrix<T>& r = residual;
    add_layer_norm<T>(x.view(), with_bias ? bias.data() : nullptr,
                      with_residual ? r.view() : MatrixView<const T>{}, gamma.data(), beta.data(),
                      static_cast<T>(kEpsilon), sum.view(), y.view(), mean.data(), rstd.data());
  }
  void backward() {
    const Matrix<T>& in = dsum_in;
    add_layer_norm_backward<T>(dy.view(), with_dsum_in ? in.view() : MatrixView<const T>{}, sum.view(),
                               gamma.data(), mean.data(), rstd.data(), dsum.view(), dgamma.data(),
                               dbeta.data(), with_bias ? dbias.data() : nullptr);
  }

  bool with_bias, with_residual, with_dsum_in;
  Matrix<T> x, bias, residual, gamma, beta, dy, dsum_in;
  Matrix<T> sum, y, mean, rstd;
  Matrix<T> dsum, dgamma, dbeta, dbias;
};

template <typename T, typename F>
void on_every_case(const Shape& shape, F&& body) {
  for (const bool bias : {false, true}) {
    for (const bool residual : {false, true}) {
      for (const bool dsum_in : {false, true}) {
        SCOPED_TRACE(fmt::format("bias {}, residual {}, dsum_in {}", bias, residual, dsum_in));
        Case<T> c(shape, bias, residual, dsum_in);
        body(c);
      }
    }
  }
}

// The definition, in double, from the op's inputs. The gradient follows the chain rule through mean
// and variance one by one, not the op's closed form.
struct Reference {
  template <typename T>
  explicit Reference(const Case<T>& c)
      : sum(c.x.rows(), c.x.columns()),
        y(sum),
        mean(1, c.x.rows()),
        rstd(1, c.x.rows()),
        dsum(sum),
        dgamma(1, c.x.columns()),
        dbeta(dgamma),
        dbias(dgamma) {
    const auto n = static_cast<double>(c.x.columns());
    for (std::int64_t r = 0; r < c.x.rows(); ++r) {
      double total = 0, squares = 0;
      for (std::int64_t i = 0; i < c.x.columns(); ++i) {
        sum(r, i) = static_cast<double>(c.x(r, i)) + (c.with_bias ? static_cast<double>(c.bias(i)) : 0) +
                    (c.with_residual ? static_cast<double>(c.residual(r, i)) : 0);
        total += sum(r, i);
      }
      mean(r) = total / n;
      for (std::int64_t i = 0; i < c.x.columns(); ++i) squares += std::pow(sum(r, i) - mean(r), 2);
      const double variance = squares / n + kEpsilon;
      rstd(r) = 1 / std::sqrt(variance);
      double dvariance = 0, dmean = 0;
      for (std::int64_t i = 0; i < c.x.columns(); ++i) {
        const double h = (sum(r, i) - mean(r)) * rstd(r);
        const auto dy = static_cast<double>(c.dy(r, i));
        const auto gamma = static_cast<double>(c.gamma(i));
        y(r, i) = h * gamma + static_cast<double>(c.beta(i));
        dgamma(i) += dy * h;
        dbeta(i) += dy;
        dvariance += dy * gamma * (sum(r, i) - mean(r)) * -0.5 * std::pow(variance, -1.5);
        dmean -= dy * gamma * rstd(r);
      }
      for (std::int64_t i = 0; i < c.x.columns(); ++i) {
        dsum(r, i) = static_cast<double>(c.dy(r, i)) * static_cast<double>(c.gamma(i)) * rstd(r) +
                     dvariance * 2 * (sum(r, i) - mean(r)) / n + dmean / n +
                     (c.with_dsum_in ? static_cast<double>(c.dsum_in(r, i)) : 0);
        dbias(i) += dsum(r, i);
      }
    }
  }
  Matrix<double> sum, y, mean, rstd, dsum, dgamma, dbeta, dbias;
};

TYPED_TEST(LayerNorm, MatchesTheDefinition) {
  on_every_shape([](const Shape& shape) {
    on_every_case<TypeParam>(shape, [&](Case<TypeParam>& c) {
      const Reference expected(c);
      c.forward();
      expect_close(c.sum, expected.sum, ulps<TypeParam>(2), "sum");
      expect_close(c.mean, expected.mean, ulps<TypeParam>(8), "mean", root_mean_square(expected.sum));
      expect_close(c.rstd, expected.rstd, ulps<TypeParam>(32), "rstd");
      expect_close(c.y, expected.y, ulps<TypeParam>(32), "y");
      c.backward();
      // A row's gradients are differences of terms of this size; with one column nothing is left of them.
      const double terms = 2 * root_mean_square(expected.rstd);
      expect_close(c.dsum, expected.dsum, ulps<TypeParam>(64), "dsum", terms);
      expect_close(c.dgamma, expected.dgamma, ulps<TypeParam>(64), "dgamma");
      expect_close(c.dbeta, expected.dbeta, ulps<TypeParam>(64), "dbeta");
      if (c.with_bias) {
        expect_close(c.dbias, expected.dbias, ulps<TypeParam>(32), "dbias",
                     terms * static_cast<double>(shape.rows));
      } else {
        EXPECT_EQ(c.dbias(0), 77);
      }
    });
  });
}

TYPED_TEST(LayerNorm, SumMayBeX) {
  on_every_isa([] {
    Case<TypeParam> apart({65, 17, 5}, true, true, false);
    apart.forward();
    Case<TypeParam> in_place({65, 17, 5}, true, true, false);
    const Matrix<TypeParam>& residual = in_place.residual;
    add_layer_norm<TypeParam>(in_place.x.view(), in_place.bias.data(), residual.view(), in_place.gamma.data(),
                              in_place.beta.data(), static_cast<TypeParam>(kEpsilon), in_place.x.view(),
                              in_place.y.view(), in_place.mean.data(), in_place.rstd.data());
    EXPECT_EQ(in_place.x.elements(), apart.sum.elements());
    EXPECT_EQ(in_place.y.elements(), apart.y.elements());
  });
}

// A mean of 1000 times the deviation: sum of squares minus square of sums would lose it in float.
TYPED_TEST(LayerNorm, ALargeMeanDoesNotCancel) {
  on_every_isa([] {
    Case<TypeParam> c({3, 100, 0}, false, false, false);
    c.x = Matrix<TypeParam>::random(3, 100, 0, 8, 1, 1000);
    const Reference expected(c);
    c.forward();
    expect_close(c.y, expected.y, ulps<TypeParam>(4000), "y");
  });
}

TYPED_TEST(LayerNorm, ARowThatIsNotANumberSpoilsNoOther) {
  on_every_isa([] {
    Case<TypeParam> c({3, 19, 0}, false, false, false);
    c.x(1, 18) = std::numeric_limits<TypeParam>::quiet_NaN();
    c.forward();
    for (std::int64_t i = 0; i < 19; ++i) {
      EXPECT_FALSE(std::isnan(c.y(0, i)));
      EXPECT_TRUE(std::isnan(c.y(1, i)));
      EXPECT_FALSE(std::isnan(c.y(2, i)));
    }
  });
}

// x, residual and bias all flow into `sum`, whose own use elsewhere is the loss's second part.
TEST(LayerNormGradient, AgreesWithFiniteDifferences) {
  on_every_isa([] {
    on_every_case<double>({5, 7, 2}, [](Case<double>& c) {
      c.forward();
      c.backward();
      const auto loss = [&] {
        c.forward();
        return dot(c.y, c.dy) + (c.with_dsum_in ? dot(c.sum, c.dsum_in) : 0);
      };
      expect_gradient(c.x, c.dsum, loss, "dx");
      if (c.with_residual) expect_gradient(c.residual, c.dsum, loss, "dresidual");
      if (c.with_bias) expect_gradient(c.bias, c.dbias, loss, "dbias");
      expect_gradient(c.gamma, c.dgamma, loss, "dgamma");
      expect_gradient(c.beta, c.dbeta, loss, "dbeta");
    });
  });
}

TYPED_TEST(LayerNorm, SameBitsForAnyThreadCount) {
  on_every_isa([] {
    expect_same_bits_for_any_thread_count([] {
      Case<TypeParam> c({257, 100, 5}, true, true, true);
      c.forward();
      c.backward();
      std::vector<TypeParam> all;
      for (const auto* m : {&c.sum, &c.y, &c.mean, &c.rstd, &c.dsum, &c.dgamma, &c.dbeta, &c.dbias}) {
        append(all, m->elements());
      }
      return all;
    });
  });
}

}  // namespace
}  // namespace filigree::dense
