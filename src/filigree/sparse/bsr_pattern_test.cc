#include "filigree/sparse/bsr_pattern.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "filigree/base/error.h"

namespace filigree::sparse {
namespace {

ExitCode code_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.code();
  }
  return ExitCode::kDone;
}

// 3 x 4 blocks: row 0 holds columns 1 and 3, row 1 nothing, row 2 columns 0, 1 and 2.
BsrPattern small() { return {12, 16, 4, {0, 2, 2, 5}, {1, 3, 0, 1, 2}}; }

TEST(BsrPattern, DescribesItself) {
  const BsrPattern pattern = small();
  EXPECT_EQ(pattern.rows(), 12);
  EXPECT_EQ(pattern.columns(), 16);
  EXPECT_EQ(pattern.block_rows(), 3);
  EXPECT_EQ(pattern.block_columns(), 4);
  EXPECT_EQ(pattern.block_count(), 5);
  EXPECT_EQ(pattern.value_count(), 80);
  EXPECT_DOUBLE_EQ(pattern.density(), 5.0 / 12.0);
}

TEST(BsrPattern, IndexesColumns) {
  const BsrPattern pattern = small();
  const std::vector<std::int32_t> offsets{0, 1, 3, 4, 5};
  const std::vector<std::int32_t> rows{2, 0, 2, 2, 0};
  const std::vector<std::int32_t> positions{2, 0, 3, 4, 1};
  EXPECT_TRUE(std::ranges::equal(pattern.column_offsets(), offsets));
  EXPECT_TRUE(std::ranges::equal(pattern.row_indices(), rows));
  EXPECT_TRUE(std::ranges::equal(pattern.block_positions(), positions));
}

TEST(BsrPattern, RefusesWrongShapes) {
  const auto usage = [](std::int64_t rows, std::int64_t columns, BlockShape block) {
    return code_of([&] { BsrPattern(rows, columns, block, {0, 1}, {0}); }) == ExitCode::kUsage;
  };
  EXPECT_TRUE(usage(3, 3, 3));
  EXPECT_TRUE(usage(128, 128, 128));
  EXPECT_TRUE(usage(4, 4, 0));
  EXPECT_TRUE(usage(4, 4, -4));
  EXPECT_TRUE(usage(32, 32, {16, 2}));
  EXPECT_FALSE(usage(16, 1, {16, 1}));
  EXPECT_FALSE(usage(16, 16, 16));
  EXPECT_TRUE(usage(0, 16, 16));
  EXPECT_TRUE(usage(16, -16, 16));
  EXPECT_TRUE(usage(1, std::int64_t{1} << 31, 1));
}

TEST(BsrPattern, RefusesBadIndices) {
  const auto bad = [](std::vector<std::int32_t> offsets, std::vector<std::int32_t> columns) {
    return code_of([&] { BsrPattern(8, 12, 4, std::move(offsets), std::move(columns)); }) ==
           ExitCode::kBadData;
  };
  EXPECT_FALSE(bad({0, 1, 2}, {0, 2}));
  EXPECT_FALSE(bad({0, 0, 0}, {}));      // no block
  EXPECT_TRUE(bad({0, 2}, {0, 2}));      // too few offsets
  EXPECT_TRUE(bad({1, 1, 2}, {0, 2}));   // does not start at 0
  EXPECT_TRUE(bad({0, 1, 1}, {0, 2}));   // does not end at the number of blocks
  EXPECT_TRUE(bad({0, 3, 2}, {0, 2}));   // falls
  EXPECT_TRUE(bad({0, -1, 2}, {0, 2}));  // negative
  EXPECT_TRUE(bad({0, 1, 2}, {0, 3}));   // out of range
  EXPECT_TRUE(bad({0, 1, 2}, {-1, 0}));  // out of range
  EXPECT_TRUE(bad({0, 2, 2}, {1, 1}));   // repeated
  EXPECT_TRUE(bad({0, 2, 2}, {1, 0}));   // unsorted
}

TEST(BsrPattern, RandomHoldsExactlyTheCountAndIsReproducible) {
  for (const BlockShape block : kBlockShapes) {
    for (const std::int64_t count : {1, 7, 24}) {
      Philox random(7, Purpose::kTest, 1);
      const BsrPattern pattern = BsrPattern::random(4 * block.rows, 6 * block.columns, block, count, random);
      EXPECT_EQ(pattern.block_count(), count);
      Philox same(7, Purpose::kTest, 1);
      EXPECT_EQ(pattern, BsrPattern::random(4 * block.rows, 6 * block.columns, block, count, same));
    }
  }
  Philox random(7, Purpose::kTest);
  EXPECT_EQ(code_of([&] { BsrPattern::random(4, 4, 4, 2, random); }), ExitCode::kUsage);
  EXPECT_EQ(code_of([&] { BsrPattern::random(4, 4, 4, 0, random); }), ExitCode::kUsage);
}

// Each place is taken with probability count / places, and each pair of places with that of drawing
// without replacement: deviations stay within five standard deviations.
TEST(BsrPattern, RandomIsUniform) {
  constexpr int kDraws = 20000;
  constexpr int kPlaces = 12;
  constexpr int kCount = 4;
  std::vector<int> single(kPlaces);
  std::map<std::pair<int, int>, int> pairs;
  Philox random(11, Purpose::kTest);
  for (int draw = 0; draw < kDraws; ++draw) {
    const BsrPattern pattern = BsrPattern::random(3, 4, 1, kCount, random);
    std::vector<int> places;
    for (int r = 0; r < 3; ++r) {
      for (int q = pattern.row_offsets()[r]; q < pattern.row_offsets()[r + 1]; ++q) {
        places.push_back(r * 4 + pattern.column_indices()[q]);
      }
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
      ++single[places[i]];
      for (std::size_t j = 0; j < i; ++j) ++pairs[{places[j], places[i]}];
    }
  }
  const auto within = [](int seen, double p) {
    return std::abs(seen - kDraws * p) < 5 * std::sqrt(kDraws * p * (1 - p));
  };
  for (const int seen : single) EXPECT_TRUE(within(seen, double{kCount} / kPlaces)) << seen;
  EXPECT_EQ(pairs.size(), kPlaces * (kPlaces - 1) / 2);
  for (const auto& [places, seen] : pairs) {
    EXPECT_TRUE(within(seen, double{kCount} * (kCount - 1) / (kPlaces * (kPlaces - 1)))) << seen;
  }
}

TEST(BsrPattern, StacksInOrder) {
  const BsrPattern top = small();
  const BsrPattern bottom(4, 16, 4, {0, 1}, {2});
  const BsrPattern* parts[] = {&top, &bottom, &top};
  const BsrPattern stacked = BsrPattern::stack(parts);
  EXPECT_EQ(stacked, BsrPattern(28, 16, 4, {0, 2, 2, 5, 6, 8, 8, 11}, {1, 3, 0, 1, 2, 2, 1, 3, 0, 1, 2}));
  const BsrPattern narrow(4, 12, 4, {0, 1}, {2});
  const BsrPattern* unequal[] = {&top, &narrow};
  EXPECT_EQ(code_of([&] { BsrPattern::stack(unequal); }), ExitCode::kUsage);
  EXPECT_EQ(code_of([&] { BsrPattern::stack({}); }), ExitCode::kUsage);
}

TEST(BlockCountForDensity, RoundsToNearestAndKeepsOne) {
  EXPECT_EQ(block_count_for_density(512, 512, 16, 0.1), 102);   // 102.4
  EXPECT_EQ(block_count_for_density(2048, 512, 16, 0.1), 410);  // 409.6
  EXPECT_EQ(block_count_for_density(16, 16, 16, 1e-9), 1);
  EXPECT_EQ(block_count_for_density(64, 64, 16, 1.0), 16);
  for (const double density : {0.0, -0.1, 1.01, std::nan("")}) {
    EXPECT_EQ(code_of([&] { block_count_for_density(64, 64, 16, density); }), ExitCode::kUsage);
  }
  EXPECT_EQ(block_count_for_density(64, 60, 16, 0.5), 8);  // ragged: 4 x 4 places
}

TEST(BsrPattern, PutsGroupsOnADiagonal) {
  const BsrPattern a = small();
  const BsrPattern b(5, 7, 4, {0, 1, 2}, {1, 0});
  const BsrPattern* const parts[] = {&a, &b};
  const BsrPattern both = BsrPattern::block_diagonal(parts);
  EXPECT_EQ(both, BsrPattern(17, 23, 4, {0, 2, 2, 5, 6, 7}, {1, 3, 0, 1, 2, 5, 4}));
  const BsrPattern* const wrong[] = {&b, &a};
  EXPECT_EQ(code_of([&] { (void)BsrPattern::block_diagonal(wrong); }), ExitCode::kUsage);
  EXPECT_EQ(code_of([] { (void)BsrPattern::block_diagonal({}); }), ExitCode::kUsage);
  const BsrPattern other(8, 8, 8, {0, 1}, {0});
  const BsrPattern* const mixed[] = {&a, &other};
  EXPECT_EQ(code_of([&] { (void)BsrPattern::block_diagonal(mixed); }), ExitCode::kUsage);
}

}  // namespace
}  // namespace filigree::sparse
