#include "filigree/numerics/cast.h"

#include <gtest/gtest.h>

#include <bit>
#include <vector>

#include "filigree/base/isa.h"
#include "filigree/numerics/test_denormals.h"

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

// All codes, to float and (of 8 bits) to BF16.
template <typename T>
void check_decoding() {
  std::vector<T> from(std::size_t{1} << 8 * sizeof(T));
  for (std::size_t i = 0; i < from.size(); ++i) from[i].bits = static_cast<typename T::Bits>(i);
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{17}, from.size()}) {
    std::vector<float> to(from.size(), -1.0F);
    cast(from.data(), static_cast<std::int64_t>(count), to.data());
    for (std::size_t i = 0; i < from.size(); ++i) {
      const float expected = i < count ? static_cast<float>(from[i]) : -1.0F;
      ASSERT_EQ(std::bit_cast<std::uint32_t>(to[i]), std::bit_cast<std::uint32_t>(expected)) << i;
    }
    if constexpr (sizeof(T) == 1) {
      std::vector<BFloat16> halves(from.size(), BFloat16(-1.0F));
      cast(from.data(), static_cast<std::int64_t>(count), halves.data());
      for (std::size_t i = 0; i < from.size(); ++i) {
        ASSERT_EQ(std::uint32_t{halves[i].bits} << 16, std::bit_cast<std::uint32_t>(to[i])) << i;
      }
    }
  }
}

// All upper halves of FP32 with the lower ones around the middles of each format, among them all NaN that
// formats tell apart.
std::vector<float> floats_around_middles() {
  std::vector<float> from;
  for (std::uint32_t upper = 0; upper < 0x10000; ++upper) {
    for (const std::uint32_t lower :
         {0U, 1U, 0x0FFFU, 0x1000U, 0x1001U, 0x2000U, 0x2FFFU, 0x3000U, 0x3001U, 0x8000U, 0xFFFFU}) {
      from.push_back(std::bit_cast<float>(upper << 16 | lower));
    }
  }
  from.resize(from.size() - 3);  // a part of a vector
  return from;
}

template <typename T>
void check_encoding(const std::vector<float>& from) {
  for (const Overflow overflow : {Overflow::kNonFinite, Overflow::kSaturate}) {
    if (sizeof(T) == 2 && overflow != T::kOverflow) continue;
    std::vector<T> to(from.size());
    const auto count = static_cast<std::int64_t>(from.size());
    if constexpr (sizeof(T) == 1) {
      cast(from.data(), count, to.data(), overflow);
    } else {
      cast(from.data(), count, to.data());
    }
    for (std::size_t i = 0; i < from.size(); ++i) {
      ASSERT_EQ(to[i].bits, T(from[i], overflow).bits) << std::hex << std::bit_cast<std::uint32_t>(from[i]);
    }
  }
}

TEST_P(CastOnEachIsa, SmallFloatsAreConvertedAsOneValueIs) {
  const std::vector<float> from = floats_around_middles();
  const auto check = [&] {
    check_decoding<Float16>();
    check_decoding<Float8E4M3>();
    check_decoding<Float8E5M2>();
    check_encoding<Float16>(from);
    check_encoding<Float8E4M3>(from);
    check_encoding<Float8E5M2>(from);
  };
  check();
  const test::DenormalsAsZero mode;
  check();
}

}  // namespace
}  // namespace filigree
