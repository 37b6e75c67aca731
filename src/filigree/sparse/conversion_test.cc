#include "filigree/sparse/conversion.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "filigree/base/philox.h"
#include "filigree/base/test_support.h"

namespace filigree::sparse {
namespace {

using test::contains;
using test::error_of;

// A matrix of which about `share` of the elements are not 0.
std::vector<float> random_dense(std::int64_t rows, std::int64_t columns, double share, Philox& random) {
  std::vector<float> dense(static_cast<std::size_t>(rows * columns), 0.0F);
  for (float& value : dense) {
    if (random.uniform() < share) value = static_cast<float>(random.normal());
  }
  dense.back() = 1.0F;
  return dense;
}

void expect_same(const BsrMatrix<float>& a, const BsrMatrix<float>& b) {
  EXPECT_TRUE(a.pattern == b.pattern);
  EXPECT_EQ(a.values, b.values);
}

TEST(Conversion, GoesRoundThroughEachFormat) {
  Philox random(1, Purpose::kTest);
  for (const BlockShape block : kBlockShapes) {
    for (const double share : {0.001, 0.02, 0.6, 1.0}) {
      SCOPED_TRACE(fmt::format("block {}, share {}", block.text(), share));
      const std::int64_t rows = block.rows * 5;
      const std::int64_t columns = block.columns * 7;
      const std::vector<float> dense = random_dense(rows, columns, share, random);
      const BsrMatrix<float> matrix =
          bsr_from_dense<float>(MatrixView<const float>(dense.data(), rows, columns), block);
      EXPECT_EQ(to_dense(matrix), dense);
      for (const StoredZeros zeros : {StoredZeros::kKeep, StoredZeros::kDrop}) {
        CooMatrix<float> coo = to_coo(matrix, zeros);
        expect_same(bsr_from_coo(coo, block), matrix);
        std::reverse(coo.entries.begin(), coo.entries.end());
        expect_same(bsr_from_coo(coo, block, Canonical::kSort), matrix);
        expect_same(bsr_from_csr(to_csr(matrix, zeros), block), matrix);
        expect_same(bsr_from_csc(to_csc(matrix, zeros), block), matrix);
      }
      const auto nonzeros = std::count_if(dense.begin(), dense.end(), [](float v) { return v != 0; });
      EXPECT_EQ(std::ssize(to_csr(matrix, StoredZeros::kDrop).values), nonzeros);
      EXPECT_EQ(std::ssize(to_csc(matrix, StoredZeros::kKeep).values), std::ssize(matrix.values));
    }
  }
}

TEST(Conversion, CompressesByRowAndByColumn) {
  // 0 5 0
  // 7 0 6
  const CooMatrix<double> coo{2, 3, {{0, 1, 5}, {1, 0, 7}, {1, 2, 6}}};
  const BsrMatrix<double> matrix = bsr_from_coo(coo, 1);
  const CsrMatrix<double> csr = to_csr(matrix);
  EXPECT_EQ(csr.offsets, (std::vector<std::int64_t>{0, 1, 3}));
  EXPECT_EQ(csr.indices, (std::vector<std::int64_t>{1, 0, 2}));
  EXPECT_EQ(csr.values, (std::vector<double>{5, 7, 6}));
  const CscMatrix<double> csc = to_csc(matrix);
  EXPECT_EQ(csc.offsets, (std::vector<std::int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(csc.indices, (std::vector<std::int64_t>{1, 0, 1}));
  EXPECT_EQ(csc.values, (std::vector<double>{7, 5, 6}));
}

TEST(Conversion, KeepsTheBlocksOfTheLargestMagnitude) {
  Philox random(2, Purpose::kTest);
  const std::int64_t rows = 40;
  const std::int64_t columns = 24;
  const std::vector<float> dense = random_dense(rows, columns, 0.8, random);
  const MatrixView<const float> view(dense.data(), rows, columns);
  for (const double density : {0.01, 0.3, 0.5, 1.0}) {
    const BsrMatrix<float> kept = bsr_from_dense<float>(view, 8, density);
    EXPECT_EQ(kept.pattern.block_count(), block_count_for_density(rows, columns, 8, density));
    const auto sum = [&](std::int64_t r, std::int64_t c) {
      double total = 0;
      for (std::int64_t i = 0; i < 64; ++i) total += std::abs(view(r * 8 + i / 8, c * 8 + i % 8));
      return total;
    };
    double least_kept = std::numeric_limits<double>::infinity();
    std::vector<bool> is_kept(15, false);
    kept.pattern.for_each_block([&](std::int64_t, std::int64_t r, std::int64_t c) {
      is_kept[static_cast<std::size_t>(r * 3 + c)] = true;
      least_kept = std::min(least_kept, sum(r, c));
    });
    for (std::int64_t i = 0; i < 15; ++i) {
      EXPECT_TRUE(is_kept[static_cast<std::size_t>(i)] || sum(i / 3, i % 3) <= least_kept);
    }
    // The kept values are the matrix's own.
    for (const CooEntry<float>& entry : to_coo(kept).entries) {
      EXPECT_EQ(entry.value, view(entry.row, entry.column));
    }
  }
}

TEST(Conversion, KeepsTheFirstOfEqualBlocks) {
  const std::vector<float> ones(64, 1.0F);
  const BsrMatrix<float> kept = bsr_from_dense<float>(MatrixView<const float>(ones.data(), 8, 8), 4, 0.5);
  EXPECT_TRUE(std::ranges::equal(kept.pattern.row_offsets(), std::vector<std::int32_t>{0, 2, 2}));
}

TEST(Conversion, TakesBlocksThatAMaskTouches) {
  std::vector<float> dense(64, 3.0F);
  std::vector<std::uint8_t> mask(64, 0);
  mask[5 * 8 + 2] = 1;
  const MatrixView<const float> view(dense.data(), 8, 8);
  const BsrMatrix<float> matrix =
      bsr_from_mask<float>(view, MatrixView<const std::uint8_t>(mask.data(), 8, 8), 4);
  EXPECT_EQ(matrix.pattern.block_count(), 1);
  std::vector<float> expected(64, 0.0F);
  expected[5 * 8 + 2] = 3.0F;
  EXPECT_EQ(to_dense(matrix), expected);
  EXPECT_TRUE(contains(error_of(ExitCode::kUsage,
                                [&] {
                                  (void)bsr_from_mask<float>(
                                      view, MatrixView<const std::uint8_t>(mask.data(), 4, 8), 4);
                                }),
                       "4 x 8"));
}

TEST(Conversion, AddsUpWhatIsThereTwiceWhereAsked) {
  const CooMatrix<float> coo{4, 4, {{3, 1, 1.0F}, {0, 0, 2.0F}, {3, 1, 0.5F}}};
  const std::vector<float> dense = to_dense(bsr_from_coo(coo, 1, Canonical::kSum));
  EXPECT_EQ(dense[3 * 4 + 1], 1.5F);
  EXPECT_TRUE(contains(error_of(ExitCode::kBadData, [&] { (void)bsr_from_coo(coo, 1, Canonical::kSort); }),
                       "(3, 1) is there twice"));
  EXPECT_TRUE(contains(error_of(ExitCode::kBadData, [&] { (void)bsr_from_coo(coo, 1); }),
                       "(0, 0) comes after (3, 1)"));
}

TEST(Conversion, TakesMatricesThatEndWithinABlock) {
  Philox random(2, Purpose::kTest);
  for (const int block : {2, 4, 16}) {
    const std::vector<float> dense = random_dense(21, 35, 1.0, random);
    const MatrixView<const float> view(dense.data(), 21, 35);
    const BsrMatrix<float> matrix = bsr_from_dense<float>(view, block);
    EXPECT_EQ(matrix.pattern.rows(), 21);
    EXPECT_EQ(matrix.pattern.block_rows(), (21 + block - 1) / block);
    EXPECT_EQ(to_dense(matrix), dense);
    expect_same(bsr_from_coo(to_coo(matrix), block), matrix);
    expect_same(bsr_from_csr(to_csr(matrix), block), matrix);
    expect_same(bsr_from_csc(to_csc(matrix), block), matrix);
    expect_same(bsr_from_dense(view, block, 1.0), matrix);
  }
}

TEST(Conversion, TakesAMatrixWithoutElements) {
  const std::vector<float> zeros(8 * 12, 0.0F);
  const BsrMatrix<float> matrix = bsr_from_dense<float>(MatrixView<const float>(zeros.data(), 8, 12), 4);
  EXPECT_EQ(matrix.pattern.block_count(), 0);
  EXPECT_EQ(to_dense(matrix), zeros);
  expect_same(bsr_from_coo(to_coo(matrix), 4), matrix);
  expect_same(bsr_from_csr(to_csr(matrix), 4), matrix);
  expect_same(bsr_from_csc(to_csc(matrix), 4), matrix);
}

TEST(Conversion, RefusesBadElements) {
  const auto error = [](CooMatrix<float> coo) {
    return error_of(ExitCode::kBadData, [&] { (void)bsr_from_coo(coo, 4, Canonical::kSum); });
  };
  EXPECT_TRUE(contains(error({8, 8, {{8, 0, 1}}}), "(8, 0) lies outside"));
  EXPECT_TRUE(contains(error({8, 8, {{0, -1, 1}}}), "(0, -1) lies outside"));
  EXPECT_TRUE(contains(error({8, 8, {{1, 2, std::nanf("")}}}), "(1, 2) is nan"));
  EXPECT_TRUE(contains(error({8, 8, {{1, 2, 3e38F}, {1, 2, 3e38F}}}), "(1, 2) is inf"));
  const auto usage = [](CooMatrix<float> coo, BlockShape block) {
    return error_of(ExitCode::kUsage, [&] { (void)bsr_from_coo(coo, block); });
  };
  EXPECT_FALSE(usage({8, 8, {{0, 0, 1}}}, 3).empty());
  EXPECT_FALSE(usage({std::int64_t{1} << 40, 8, {{0, 0, 1}}}, 4).empty());
}

TEST(Conversion, RefusesBadCompressedMatrices) {
  const auto csr = [](std::vector<std::int64_t> offsets, std::vector<std::int64_t> indices,
                      std::vector<float> values) {
    return error_of(ExitCode::kBadData, [&] {
      (void)bsr_from_csr(CsrMatrix<float>{2, 3, std::move(offsets), std::move(indices), std::move(values)},
                         1);
    });
  };
  EXPECT_TRUE(contains(error_of(ExitCode::kBadData,
                                [] {
                                  (void)bsr_from_csr(CsrMatrix<float>{-1, 3, {}, {}, {}}, 1);
                                }),
                       "-1 x 3"));
  const BsrMatrix<float> short_of_values{BsrPattern(4, 4, 4, {0, 1}, {0}), {1, 2}};
  EXPECT_TRUE(contains(error_of(ExitCode::kBadData, [&] { (void)to_dense(short_of_values); }),
                       "needs 16 values, but has 2"));
  EXPECT_TRUE(contains(csr({0, 1}, {0}, {1}), "needs 3 offsets"));
  EXPECT_TRUE(contains(csr({0, 1, 1}, {0}, {1, 2}), "1 indices but 2 values"));
  EXPECT_TRUE(contains(csr({0, 1, 2}, {0}, {1}), "run from 0 to 2"));
  EXPECT_TRUE(contains(csr({0, 2, 1}, {0}, {1}), "at row 0"));
  EXPECT_TRUE(contains(csr({0, 1, 1}, {3}, {1}), "(0, 3) lies outside"));
  EXPECT_TRUE(contains(csr({0, 2, 2}, {1, 0}, {1, 1}), "must rise by row, then by column"));
  const CscMatrix<float> csc{2, 3, {0, 2, 2, 2}, {1, 0}, {1, 1}};
  const std::string error = error_of(ExitCode::kBadData, [&] { (void)bsr_from_csc(csc, 1); });
  EXPECT_TRUE(contains(error, "(0, 0) comes after (1, 0): they must rise by column, then by row")) << error;
}

}  // namespace
}  // namespace filigree::sparse
