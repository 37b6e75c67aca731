#include "filigree/sparse/run_index.h"

#include <gtest/gtest.h>

#include "filigree/sparse/bsr_pattern.h"

namespace filigree::sparse {
namespace {

// Each block is in one run, that of its group in the part of its other group.
void check(std::span<const std::int32_t> offsets, std::span<const std::int32_t> others,
           std::span<const std::int32_t> positions, std::int64_t other_groups) {
  const RunIndex index(offsets, others, positions, other_groups);
  const auto count = static_cast<std::int64_t>(others.size());
  EXPECT_EQ(index.positions().size(), positions.size());
  std::vector<int> seen(static_cast<std::size_t>(count), 0);
  std::int32_t next = 0;
  std::vector<int> begun(offsets.size() - 1, 0);
  std::vector<int> ended(offsets.size() - 1, 0);
  std::size_t section = 0;
  for (std::size_t i = 0; i < index.runs().size(); ++i) {
    const kernels::BlockRun& run = index.runs()[i];
    while (index.section_offsets()[section + 1] <= static_cast<std::int32_t>(i)) ++section;
    const std::int64_t part = static_cast<std::int64_t>(section) % index.parts();
    if (part == 0) ++begun[run.group];
    if (part == index.parts() - 1) ++ended[run.group];
    ASSERT_TRUE(run.count > 0 || part == 0 || part == index.parts() - 1);
    ASSERT_EQ(run.begin, next);
    next += run.count;
    ASSERT_LE(next, count);
    for (std::int32_t i = 0; i < run.count; ++i) {
      // Values lie one behind the other: in their own order, or where they are copied to.
      const std::int32_t value = run.values + i;
      if (!positions.empty()) {
        ASSERT_EQ(value, run.begin + i);
      }
      std::int32_t found = value;
      if (!positions.empty()) {
        for (found = offsets[run.group]; positions[found] != index.positions()[value];) ++found;
      }
      ++seen[found];
      EXPECT_GE(found, offsets[run.group]);
      EXPECT_LT(found, offsets[run.group + 1]);
      EXPECT_EQ(index.others()[run.begin + i], others[found]);
      EXPECT_EQ(others[found] / index.part_size(), part);
    }
  }
  for (const int times : seen) EXPECT_EQ(times, 1);
  for (const int times : begun) EXPECT_EQ(times, 1);
  for (const int times : ended) EXPECT_EQ(times, 1);
}

void check(const BsrPattern& w) {
  check(w.row_offsets(), w.column_indices(), {}, w.block_columns());
  check(w.column_offsets(), w.row_indices(), w.block_positions(), w.block_rows());
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
  EXPECT_EQ(part_size(1.0 / 32), 384);
  EXPECT_EQ(part_size(0.0001), 1536);
}

}  // namespace
}  // namespace filigree::sparse
