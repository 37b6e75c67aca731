#include "filigree/sparse/pattern_kind.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "filigree/base/error.h"

namespace filigree::sparse {
namespace {

std::int64_t row_blocks(const BsrPattern& w, std::int64_t row) {
  return w.row_offsets()[row + 1] - w.row_offsets()[row];
}

TEST(PatternKinds, HoldTheNumberOfBlocksThatWasAskedFor) {
  for (const PatternKindName& entry : kPatternKinds) {
    for (const std::int64_t count : {16, 17, 100, 255, 256}) {
      Philox random(1, Purpose::kTest);
      const BsrPattern w = pattern_of_kind(entry.kind, 128, 64, 4, 2 * count, random);
      EXPECT_EQ(w.block_count(), 2 * count) << entry.name;
    }
  }
}

TEST(PatternKinds, AreWhatTheirNamesSay) {
  Philox random(2, Purpose::kTest);
  const BsrPattern power = pattern_of_kind(PatternKind::kPowerLaw, 256, 256, 4, 512, random);
  EXPECT_EQ(row_blocks(power, 0), 64);
  EXPECT_GT(row_blocks(power, 2), 4 * row_blocks(power, 40));

  const BsrPattern band = pattern_of_kind(PatternKind::kBanded, 256, 256, 4, 64 * 5, random);
  band.for_each_block([](std::int64_t, std::int64_t r, std::int64_t c) { EXPECT_LE(std::abs(r - c), 4); });

  const BsrPattern row = pattern_of_kind(PatternKind::kOneDenseRow, 256, 256, 4, 64 + 63 * 3, random);
  std::int64_t full = 0;
  for (std::int64_t r = 0; r < 64; ++r) full += row_blocks(row, r) == 64 ? 1 : 0;
  EXPECT_EQ(full, 1);
  EXPECT_EQ(row_blocks(row, 0), 3);
  EXPECT_THROW(pattern_of_kind(PatternKind::kOneDenseRow, 256, 256, 4, 63, random), Error);
}

}  // namespace
}  // namespace filigree::sparse
