#include "filigree/numerics/pack.h"

#include <gtest/gtest.h>

#include <vector>

namespace filigree {
namespace {

template <class T>
std::vector<T> codes_of(const std::vector<unsigned>& bits) {
  std::vector<T> codes(bits.size());
  for (std::size_t i = 0; i < bits.size(); ++i) codes[i].bits = static_cast<std::uint8_t>(bits[i]);
  return codes;
}

template <class T>
class Pack : public ::testing::Test {};
using Types = ::testing::Types<Float6E3M2, Float6E2M3, Float4E2M1>;
TYPED_TEST_SUITE(Pack, Types);

// Bit by bit; what lies behind stays as it was.
TYPED_TEST(Pack, PutsEachBitWhereItsPlaceSays) {
  constexpr unsigned kBits = TypeParam::kFormat.bits();
  for (unsigned count = 0; count <= 70; ++count) {
    std::vector<unsigned> bits;
    for (unsigned i = 0; i < count; ++i) bits.push_back((i * 29 + 7) % (1U << kBits));
    const auto bytes = static_cast<std::size_t>(packed_bytes<TypeParam>(count));
    ASSERT_EQ(bytes, (count * kBits + 7) / 8);
    std::vector<std::uint8_t> expected(bytes + 1);
    expected.back() = 0xA5;
    for (unsigned i = 0; i < count * kBits; ++i) {
      expected[i / 8] =
          static_cast<std::uint8_t>(expected[i / 8] | (bits[i / kBits] >> i % kBits & 1) << i % 8);
    }
    std::vector<std::uint8_t> packed(bytes + 1, 0xA5);
    pack(codes_of<TypeParam>(bits).data(), count, packed.data());
    ASSERT_EQ(packed, expected) << count;
    auto back = codes_of<TypeParam>(std::vector<unsigned>(count + 1, 1));
    unpack(packed.data(), count, back.data());
    for (unsigned i = 0; i < count; ++i) ASSERT_EQ(back[i].bits, bits[i]) << i;
    ASSERT_EQ(back.back().bits, 1);
  }
}

TEST(Pack, TakesTheLowerHalfFirst) {
  std::uint8_t bytes[2];
  pack(codes_of<Float4E2M1>({0x1, 0x2, 0xF}).data(), 3, bytes);
  EXPECT_EQ(bytes[0], 0x21);
  EXPECT_EQ(bytes[1], 0x0F);
}

TEST(Pack, PutsFourCodesOfSixBitsInThreeBytes) {
  std::uint8_t bytes[3];
  pack(codes_of<Float6E3M2>({0x3F, 0x00, 0x3F, 0x01}).data(), 4, bytes);
  EXPECT_EQ(bytes[0], 0x3F);
  EXPECT_EQ(bytes[1], 0xF0);
  EXPECT_EQ(bytes[2], 0x07);
}

}  // namespace
}  // namespace filigree
