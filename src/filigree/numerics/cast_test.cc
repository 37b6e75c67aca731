#include "filigree/numerics/cast.h"

#include <gtest/gtest.h>

#include <bit>
#include <vector>

#include "filigree/base/isa.h"

namespace filigree {
namespace {

class CastOnEachIsa : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override { force_isa(GetParam()); }
  void TearDown() override { force_isa(detected_isa()); }
};
INSTANTIATE_TEST_SUITE_P(Isas, CastOnEachIsa, ::testing::ValuesIn(usable_isas()), [](const auto& info) {
  std::string name(isa_name(info.param));
  std::erase(name, '-');
  return name;
});

TEST_P(CastOnEachIsa, BFloat16ToFloatIsExact) {
  std::vector<BFloat16> from(0x10000);
  for (std::uint32_t bits = 0; bits < from.size(); ++bits) from[bits].bits = static_cast<std::uint16_t>(bits);
  for (const std::int64_t count :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{17}, std::int64_t{0x10000}}) {
    std::vector<float> to(from.size(), -1.0F);
    cast(from.data(), count, to.data());
    for (std::uint32_t i = 0; i < from.size(); ++i) {
      const std::uint32_t expected = i < count ? i << 16 : std::bit_cast<std::uint32_t>(-1.0F);
      ASSERT_EQ(std::bit_cast<std::uint32_t>(to[i]), expected) << i;
    }
  }
}

// Around all values of the format, and what lies between: all lower halves for one of 1,021 upper halves,
// some lower halves for all upper ones.
TEST_P(CastOnEachIsa, FloatToBFloat16RoundsAsOneValueDoes) {
  std::vector<float> from;
  for (std::uint32_t upper = 0; upper < 0x10000; upper += 1021) {
    for (std::uint32_t lower = 0; lower < 0x10000; ++lower) {
      from.push_back(std::bit_cast<float>(upper << 16 | lower));
    }
  }
  for (std::uint32_t upper = 0; upper < 0x10000; ++upper) {
    for (const std::uint32_t lower : {0U, 1U, 0x7FFFU, 0x8000U, 0x8001U, 0xFFFFU}) {
      from.push_back(std::bit_cast<float>(upper << 16 | lower));
    }
  }
  from.resize(from.size() - 3);  // a part of a vector
  std::vector<BFloat16> to(from.size());
  cast(from.data(), static_cast<std::int64_t>(from.size()), to.data());
  for (std::size_t i = 0; i < from.size(); ++i) {
    ASSERT_EQ(to[i].bits, BFloat16(from[i]).bits) << std::hex << std::bit_cast<std::uint32_t>(from[i]);
  }
}

}  // namespace
}  // namespace filigree
