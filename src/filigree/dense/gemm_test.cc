#include "filigree/dense/gemm.h"

#include "filigree/dense/testing.h"

namespace filigree::dense {
namespace {

using namespace filigree::dense::testing;  // NOLINT(google-build-using-namespace)

template <typename T>
class Gemm : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Gemm, Types);

double at(const Matrix<double>& m, Transpose transpose, std::int64_t r, std::int64_t c) {
  return transpose == Transpose::kYes ? m(c, r) : m(r, c);
}

// Rows and columns of a matrix that is m x n after `transpose`.
template <typename T>
Matrix<T> random_operand(Transpose transpose, std::int64_t m, std::int64_t n, std::int64_t gap,
                         std::uint64_t seed) {
  return transpose == Transpose::kYes ? Matrix<T>::random(n, m, gap, seed)
                                      : Matrix<T>::random(m, n, gap, seed);
}

template <typename T>
void check(Transpose ta, Transpose tb, std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t gap,
           double alpha, double beta) {
  const auto a = random_operand<T>(ta, m, k, gap, 1);
  const auto b = random_operand<T>(tb, k, n, gap, 2);
  auto c = Matrix<T>::random(m, n, gap, 3);
  const auto a_double = to_double(a);
  const auto b_double = to_double(b);
  auto expected = to_double(c);
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::int64_t p = 0; p < k; ++p) sum += at(a_double, ta, i, p) * at(b_double, tb, p, j);
      expected(i, j) = alpha * sum + beta * expected(i, j);
    }
  }
  gemm<T>(ta, tb, static_cast<T>(alpha), a.view(), b.view(), static_cast<T>(beta), c.view());
  expect_close(c, expected, ulps<T>(16), "c");
}

TYPED_TEST(Gemm, MatchesPlainLoopsForEveryTransposition) {
  for (const Transpose ta : {Transpose::kNo, Transpose::kYes}) {
    for (const Transpose tb : {Transpose::kNo, Transpose::kYes}) {
      for (const std::int64_t m : {1, 3, 17, 65}) {
        for (const std::int64_t n : {1, 7, 16, 100}) {
          for (const std::int64_t k : {1, 7, 64}) {
            check<TypeParam>(ta, tb, m, n, k, 0, 1, 0);
            check<TypeParam>(ta, tb, m, n, k, 5, -0.5, 2);
          }
        }
      }
    }
  }
}

TYPED_TEST(Gemm, WithoutAnInnerDimensionItOnlyScales) {
  for (const Transpose ta : {Transpose::kNo, Transpose::kYes}) {
    for (const Transpose tb : {Transpose::kNo, Transpose::kYes}) {
      check<TypeParam>(ta, tb, 3, 5, 0, 0, 1, 0);
      check<TypeParam>(ta, tb, 3, 5, 0, 2, 1, 0.5);
    }
  }
}

TYPED_TEST(Gemm, AnEmptyResultIsNoWork) {
  check<TypeParam>(Transpose::kNo, Transpose::kNo, 0, 5, 3, 0, 1, 0);
  check<TypeParam>(Transpose::kNo, Transpose::kYes, 5, 0, 3, 0, 1, 0);
}

TYPED_TEST(Gemm, BetaZeroOverwritesWhatWasNotANumber) {
  for (const std::int64_t k : {0, 2}) {
    const auto a = Matrix<TypeParam>::random(3, k, 0, 1);
    const auto b = Matrix<TypeParam>::random(k, 4, 0, 2);
    Matrix<TypeParam> c(3, 4, 0, std::numeric_limits<TypeParam>::quiet_NaN());
    gemm<TypeParam>(Transpose::kNo, Transpose::kNo, 1, a.view(), b.view(), 0, c.view());
    for (const TypeParam value : c.elements()) EXPECT_FALSE(std::isnan(value)) << "k = " << k;
  }
}

TYPED_TEST(Gemm, RunsInsideAParallelLoop) {
  const ThreadCount threads(3);
  constexpr std::int64_t kTasks = 8;
  const auto a = Matrix<TypeParam>::random(kTasks * 20, 30, 0, 1);
  const auto b = Matrix<TypeParam>::random(30, 10, 0, 2);
  Matrix<TypeParam> whole(kTasks * 20, 10);
  Matrix<TypeParam> parts(kTasks * 20, 10);
  gemm<TypeParam>(Transpose::kNo, Transpose::kNo, 1, a.view(), b.view(), 0, whole.view());
  parallel_tasks(kTasks, [&](std::int64_t task, int) {
    gemm<TypeParam>(Transpose::kNo, Transpose::kNo, 1, {a.view().row(task * 20), 20, 30}, b.view(), 0,
                    {parts.view().row(task * 20), 20, 10});
  });
  expect_close(parts, to_double(whole), ulps<TypeParam>(16), "parts");
}

TYPED_TEST(Gemm, ShapesThatDoNotFitAreUsageErrors) {
  const Matrix<TypeParam> a(3, 4);
  const Matrix<TypeParam> b(5, 6);
  Matrix<TypeParam> c(3, 6);
  const auto call = [](Transpose ta, Transpose tb, auto& x, auto& y, auto& z) {
    gemm<TypeParam>(ta, tb, 1, x.view(), y.view(), 0, z.view());
  };
  expect_usage_error([&] { call(Transpose::kNo, Transpose::kNo, a, b, c); }, "gemm: 3 x 4 times 5 x 6");
  expect_usage_error([&] { call(Transpose::kYes, Transpose::kNo, a, a, c); }, "gemm: 4 x 3 times 3 x 4");
  Matrix<TypeParam> too_low(2, 6);
  const Matrix<TypeParam> fits(4, 6);
  expect_usage_error([&] { call(Transpose::kNo, Transpose::kNo, a, fits, too_low); }, "does not give 2 x 6");
}

}  // namespace
}  // namespace filigree::dense
