#include "filigree/sparse/run_index.h"

#include <gtest/gtest.h>

#include "filigree/sparse/bsr_pattern.h"

namespace filigree::sparse {
namespace {

// Each block is in one run, that of its row in the part of its column.
void check(const BsrPattern& w) {
  const RunIndex index(w.row_offsets(), w.column_indices(), {}, w.block_columns());
  std::vector<int> seen(static_cast<std::size_t>(w.block_count()), 0);
  std::int32_t next = 0;
  for (const kernels::BlockRun& run : index.runs()) {
    ASSERT_GT(run.count, 0);
    ASSERT_EQ(run.begin, next);
    next += run.count;
    ASSERT_LE(next, w.block_count());
    const std::int64_t part = index.others()[run.begin] / index.part_size();
    for (std::int32_t q = run.begin; q < next; ++q) {
      const std::int32_t position = index.positions()[q];
      ++seen[position];
      EXPECT_GE(position, w.row_offsets()[run.group]);
      EXPECT_LT(position, w.row_offsets()[run.group + 1]);
      EXPECT_EQ(index.others()[q], w.column_indices()[position]);
      EXPECT_EQ(index.others()[q] / index.part_size(), part);
    }
  }
  for (const int times : seen) EXPECT_EQ(times, 1);
}

TEST(RunIndex, HoldsEachBlockOnceInItsPart) {
  Philox random(1, Purpose::kTest);
  for (const double density : {0.5, 0.05, 0.01, 0.0002}) {
    const std::int64_t count = block_count_for_density(600, 4000, 1, density);
    check(BsrPattern::random(600, 4000, 1, count, random));
  }
  check(BsrPattern(1, 1, 1, {0, 1}, {0}));
  check(BsrPattern(3, 400, 1, {0, 0, 2, 2}, {191, 192}));
}

TEST(RunIndex, TakesLongerPartsWhereRunsWouldBeShort) {
  Philox random(1, Purpose::kTest);
  const auto part_size = [&](double density) {
    const BsrPattern w =
        BsrPattern::random(200, 4000, 1, block_count_for_density(200, 4000, 1, density), random);
    return RunIndex(w.row_offsets(), w.column_indices(), {}, w.columns()).part_size();
  };
  EXPECT_EQ(part_size(0.25), 192);
  EXPECT_EQ(part_size(1.0 / 64), 384);
  EXPECT_EQ(part_size(0.0001), 1536);
}

}  // namespace
}  // namespace filigree::sparse
