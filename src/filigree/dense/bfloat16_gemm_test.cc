#include "filigree/dense/bfloat16_gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/philox.h"
#include "filigree/base/test_isa.h"

namespace filigree::dense {
namespace {

struct Random {
  std::vector<BFloat16> values;
  MatrixView<const BFloat16> view;

  Random(std::int64_t rows, std::int64_t columns, std::int64_t stride, std::uint64_t index)
      : values(static_cast<std::size_t>(rows * stride)), view(values.data(), rows, columns, stride) {
    Philox random(3, Purpose::kTest, index);
    for (BFloat16& value : values) value = BFloat16(static_cast<float>(random.normal()));
  }
  double at(bool transposed, std::int64_t row, std::int64_t column) const {
    return static_cast<float>(transposed ? view.row(column)[row] : view.row(row)[column]);
  }
};

void check(std::int64_t m, std::int64_t n, std::int64_t k, bool swap_a, bool swap_b, float alpha,
           bool accumulate) {
  const Random a(swap_a ? k : m, swap_a ? m : k, (swap_a ? m : k) + 3, 1);
  const Random b(swap_b ? n : k, swap_b ? k : n, (swap_b ? k : n) + 5, 2);
  const std::int64_t stride = n + 7;
  std::vector<float> c(static_cast<std::size_t>(m * stride), 2.5F);
  gemm(swap_a ? Transpose::kYes : Transpose::kNo, swap_b ? Transpose::kYes : Transpose::kNo, alpha, a.view,
       b.view, accumulate, MatrixView<float>(c.data(), m, n, stride));
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < stride; ++j) {
      const float value = c[static_cast<std::size_t>(i * stride + j)];
      if (j >= n) {
        ASSERT_EQ(value, 2.5F);
        continue;
      }
      double expected = accumulate ? 2.5 / alpha : 0;
      double size = 1;
      for (std::int64_t l = 0; l < k; ++l) {
        const double product = a.at(swap_a, i, l) * b.at(swap_b, l, j);
        expected += product;
        size += std::abs(product);
      }
      ASSERT_NEAR(value, alpha * expected, 1e-6 * alpha * size) << i << ' ' << j;
    }
  }
}

class BFloat16Gemm : public test::OnEachIsa {};
INSTANTIATE_TEST_SUITE_P(Isas, BFloat16Gemm, test::every_isa(), test::isa_label);

TEST_P(BFloat16Gemm, AgreesWithSumsInDouble) {
  for (const bool swap_a : {false, true}) {
    for (const bool swap_b : {false, true}) {
      check(33, 47, 65, swap_a, swap_b, 1, false);
      check(33, 47, 65, swap_a, swap_b, 0.25F, false);
      check(16, 64, 32, swap_a, swap_b, 0.3F, true);
      check(1, 1, 1, swap_a, swap_b, 2, true);
      check(5, 3, 0, swap_a, swap_b, 2, false);
      check(5, 3, 0, swap_a, swap_b, 1, true);
    }
  }
}

// More shapes than are kept prepared, each twice.
TEST_P(BFloat16Gemm, ManyShapesInTurn) {
  for (int round = 0; round < 2; ++round) {
    for (std::int64_t n = 1; n <= 60; ++n) check(3, n, 8, false, true, 1, false);
  }
}

TEST_P(BFloat16Gemm, RefusesShapesThatDoNotFit) {
  const Random a(4, 5, 5, 1);
  const Random b(6, 7, 7, 2);
  std::vector<float> c(28);
  EXPECT_THROW(
      gemm(Transpose::kNo, Transpose::kNo, 1, a.view, b.view, false, MatrixView<float>(c.data(), 4, 7, 7)),
      Error);
}

}  // namespace
}  // namespace filigree::dense
