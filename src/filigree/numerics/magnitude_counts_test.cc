#include "filigree/numerics/magnitude_counts.h"

#include <gtest/gtest.h>

#include <bit>
#include <vector>

#include "filigree/numerics/formats.h"

namespace filigree {
namespace {

TEST(MagnitudeCuts, CountBetweenCuts) {
  const std::vector<std::uint32_t> more{3, 0x3F800001U, 0x3F812345U, 0x3F812346U, 0x7F7FFFFFU, 0x3F800001U};
  const MagnitudeCuts cuts(more);
  std::vector<std::int64_t> counts(cuts.size());
  for (std::uint32_t magnitude = 0x3F700000U; magnitude < 0x3F900000U; ++magnitude) {
    ++counts[cuts.index(magnitude)];
  }
  for (const std::uint32_t magnitude : {0U, 1U, 2U, 3U, 0x7F7FFFFFU, 0x7F800000U, 0x7FFFFFFFU}) {
    ++counts[cuts.index(magnitude)];
  }
  EXPECT_EQ(cuts.between(counts, 0x3F000000U, 0x3F800000U), 0x100000);
  EXPECT_EQ(cuts.between(counts, 0x3F800001U, 0x3F812345U), 0x12344);
  EXPECT_EQ(cuts.between(counts, 0x3F812345U, 0x3F812346U), 1);
  EXPECT_EQ(cuts.between(counts, 0, 3), 3);
  EXPECT_EQ(cuts.between(counts, 0x7F7FFFFFU, 0x7F800000U), 1);
  EXPECT_EQ(cuts.between(counts, 0x7F800001U, 0x80000000U), 1);
  EXPECT_EQ(cuts.between(counts, 0, 0x80000000U), 0x200000 + 7);
}

TEST(FirstMagnitude, IsWhereCodesChange) {
  const auto bits = [](float value) { return std::bit_cast<std::uint32_t>(value); };
  const FloatFormat e4m3 = Float8E4M3::kFormat;
  // Ties go to the even code: to zero, and to 448.
  EXPECT_EQ(first_magnitude_of(e4m3, Rounding::kNearestEven, 1), bits(0x1p-10F) + 1);
  EXPECT_EQ(first_magnitude_of(e4m3, Rounding::kNearestEven, 0x7F), bits(464.0F) + 1);
  EXPECT_EQ(first_magnitude_of(e4m3, Rounding::kTowardZero, 1), bits(0x1p-9F));
  EXPECT_EQ(first_magnitude_of(e4m3, Rounding::kTowardZero, 0x7F), bits(480.0F));
  EXPECT_EQ(first_magnitude_of(Float4E2M1::kFormat, Rounding::kNearestEven, 8), bits(7.0F));
  EXPECT_EQ(first_magnitude_of(BFloat16::kFormat, Rounding::kNearestEven, 0x7F80), 0x7F7F8000U);
  EXPECT_EQ(first_magnitude_of(BFloat16::kFormat, Rounding::kTowardZero, 0x7F80), MagnitudeCuts::kInfinity);
}

}  // namespace
}  // namespace filigree
