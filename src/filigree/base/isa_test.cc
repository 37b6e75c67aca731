#include "filigree/base/isa.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "filigree/base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/base/isa_test.cc"  // this file
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace filigree::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// The target that this copy was compiled for, and the width that it works with.
std::int64_t CompiledTarget() { return HWY_TARGET; }
std::size_t FloatLanes() { return hn::Lanes(hn::ScalableTag<float>()); }

}  // namespace filigree::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace filigree {
HWY_EXPORT(CompiledTarget);
HWY_EXPORT(FloatLanes);

namespace {

// What FILIGREE_ISA does is tested on the program (tests/cli): a process chooses once.
class IsaTest : public ::testing::Test {
 protected:
  void TearDown() override { force_isa(detected_isa()); }
};

TEST_F(IsaTest, NamesAreThoseOfTheEnvironmentVariable) {
  EXPECT_EQ(isa_name(Isa::kPortable), "portable");
  EXPECT_EQ(isa_name(Isa::kAvx2), "avx2");
  EXPECT_EQ(isa_name(Isa::kAvx512), "avx512");
  EXPECT_EQ(isa_name(Isa::kAvx512Bf16), "avx512-bf16");
}

TEST_F(IsaTest, UsableOnesRiseFromPortableToTheDetectedOne) {
  const std::vector<Isa> usable = usable_isas();
  ASSERT_FALSE(usable.empty());
  EXPECT_EQ(usable.front(), Isa::kPortable);
  EXPECT_EQ(usable.back(), detected_isa());
  EXPECT_TRUE(std::is_sorted(usable.begin(), usable.end()));
}

#if HWY_ARCH_X86
TEST_F(IsaTest, ForcingOneChoosesItsKernels) {
  for (const Isa isa : usable_isas()) {
    force_isa(isa);
    EXPECT_EQ(chosen_isa(), isa);
    const std::int64_t target = FILIGREE_SIMD(CompiledTarget)();
    const std::size_t lanes = FILIGREE_SIMD(FloatLanes)();
    switch (isa) {
      case Isa::kPortable:
        EXPECT_NE(target, HWY_AVX2);
        EXPECT_NE(target, HWY_AVX3);
        EXPECT_LE(lanes, 4U);
        break;
      case Isa::kAvx2:
        EXPECT_EQ(target, HWY_AVX2);
        EXPECT_EQ(lanes, 8U);
        break;
      case Isa::kAvx512:
      case Isa::kAvx512Bf16:
        EXPECT_EQ(target, HWY_AVX3);
        EXPECT_EQ(lanes, 16U);
        break;
    }
  }
}
#endif

TEST_F(IsaTest, ForcingIsUndoneByForcingTheDetectedOne) {
  const std::int64_t best = FILIGREE_SIMD(CompiledTarget)();
  force_isa(Isa::kPortable);
  force_isa(detected_isa());
  EXPECT_EQ(FILIGREE_SIMD(CompiledTarget)(), best);
}

TEST_F(IsaTest, NamesTheCpu) { EXPECT_FALSE(cpu_name().empty()); }

TEST_F(IsaTest, KnowsTheSecondLevelCache) {
  EXPECT_GE(l2_cache_bytes(), 64 << 10);
  EXPECT_LE(l2_cache_bytes(), 64 << 20);
}

}  // namespace
}  // namespace filigree
#endif  // HWY_ONCE
