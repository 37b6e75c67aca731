#include "filigree/dense/column_sum.h"

#include "filigree/dense/testing.h"

namespace filigree::dense {
namespace {

using namespace filigree::dense::testing;  // NOLINT(google-build-using-namespace)

template <typename T>
class ColumnSum : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(ColumnSum, Types);

TYPED_TEST(ColumnSum, MatchesPlainLoops) {
  const ThreadCount one(1);
  for (const auto& [rows, columns, gap] : awkward_shapes()) {
    const auto x = Matrix<TypeParam>::random(rows, columns, gap, 1, 1, 3);
    Matrix<double> expected(1, columns);
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < columns; ++c) expected(c) += static_cast<double>(x(r, c));
    }
    Matrix<TypeParam> sums(1, columns, 0, TypeParam(77));  // stale
    column_sum<TypeParam>(x.view(), sums.data());
    expect_close(sums, expected, ulps<TypeParam>(64), "sums");
  }
}

TYPED_TEST(ColumnSum, NoColumnsIsNoWork) { column_sum<TypeParam>({nullptr, 100, 0}, nullptr); }

// 1200 columns: more than the 512 that one task of the second stage adds up.
TYPED_TEST(ColumnSum, SameBitsForAnyThreadCount) {
  const auto x = Matrix<TypeParam>::random(1000, 1200, 3, 1);
  expect_same_bits_for_any_thread_count([&] {
    std::vector<TypeParam> sums(1200);
    column_sum<TypeParam>(x.view(), sums.data());
    return sums;
  });
}

TYPED_TEST(ColumnSum, TheBodySeesEachRowOnceAndChunksOfZeros) {
  const ThreadCount threads(3);
  constexpr std::int64_t kRows = 300;
  std::vector<int> seen(kRows, 0);
  TypeParam sums[2] = {-1, -1};
  for_rows_with_sums(kRows, 2, sums, [&](std::int64_t begin, std::int64_t end, TypeParam* partial) {
    EXPECT_EQ(partial[0], 0);
    EXPECT_EQ(partial[1], 0);
    for (std::int64_t r = begin; r < end; ++r) {
      ++seen[static_cast<std::size_t>(r)];
      partial[0] += static_cast<TypeParam>(r);
      partial[1] += 1;
    }
  });
  EXPECT_EQ(seen, std::vector<int>(kRows, 1));
  EXPECT_EQ(sums[0], kRows * (kRows - 1) / 2);
  EXPECT_EQ(sums[1], kRows);
}

TYPED_TEST(ColumnSum, WithoutAnOutputTheBodyStillRuns) {
  std::int64_t rows = 0;
  const ThreadCount threads(1);
  for_rows_with_sums(130, 1, static_cast<TypeParam*>(nullptr),
                     [&](std::int64_t begin, std::int64_t end, TypeParam*) { rows += end - begin; });
  EXPECT_EQ(rows, 130);
}

}  // namespace
}  // namespace filigree::dense
