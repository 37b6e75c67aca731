#include "filigree/numerics/cast.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/parallel.h"
#include "filigree/base/philox.h"
#include "filigree/base/test_isa.h"
#include "filigree/numerics/streaming.h"
#include "filigree/numerics/test_denormals.h"
#include "filigree/numerics/test_format_oracle.h"

namespace filigree {
namespace {

class CastOnEachIsa : public test::OnEachIsa {};
INSTANTIATE_TEST_SUITE_P(Isas, CastOnEachIsa, test::every_isa(), test::isa_label);

template <class Check>
void for_each_format(const Check& check) {
  for (int index = 0; index < static_cast<int>(float_formats().size()); ++index) visit_format(index, check);
}

// All codes, to float and (of at most 8 bits) to BF16.
template <typename T>
void check_decoding() {
  std::vector<T> from(std::size_t{1} << T::kFormat.bits());
  for (std::size_t i = 0; i < from.size(); ++i) from[i].bits = static_cast<typename T::Bits>(i);
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{13}, from.size()}) {
    std::vector<float> to(from.size(), -1.0F);
    cast(from.data(), static_cast<std::int64_t>(count), to.data());
    for (std::size_t i = 0; i < from.size(); ++i) {
      const std::uint32_t expected = i < count ? decode_float(T::kFormat, static_cast<std::uint32_t>(i))
                                               : std::bit_cast<std::uint32_t>(-1.0F);
      ASSERT_EQ(std::bit_cast<std::uint32_t>(to[i]), expected) << i;
    }
    if constexpr (T::kFormat.bits() <= 8) {
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
  // A third of them: every exponent, and each last bit that a format keeps.
  for (std::uint32_t upper = 0; upper < 0x10000; upper += 3) {
    for (const std::uint32_t lower : {0U, 1U, 0x0FFFU, 0x1000U, 0x1001U, 0x2000U, 0x2FFFU, 0x3000U, 0x3001U,
                                      0x7FFFU, 0x8000U, 0x8001U, 0xFFFFU}) {
      from.push_back(std::bit_cast<float>(upper << 16 | lower));
    }
  }
  from.resize(from.size() - 3);  // a part of a vector
  return from;
}

std::vector<CastMode> all_modes() {
  std::vector<CastMode> modes = test::deterministic_modes();
  for (const CastMode& mode : test::deterministic_modes()) {
    if (mode.rounding != Rounding::kNearestEven) continue;
    modes.push_back(mode);
    modes.back().rounding = Rounding::kStochastic;
  }
  return modes;
}

template <typename T>
void check_encoding(const std::vector<float>& from, const std::vector<std::uint32_t>& random,
                    const std::vector<CastMode>& modes) {
  std::vector<T> to(from.size());
  for (const CastMode& mode : modes) {
    cast(from.data(), static_cast<std::int64_t>(from.size()), to.data(), mode, random.data());
    for (std::size_t i = 0; i < from.size(); ++i) {
      const auto bits = std::bit_cast<std::uint32_t>(from[i]);
      ASSERT_EQ(to[i].bits, encode_float(T::kFormat, bits, mode, random[i]))
          << std::hex << bits << ' ' << random[i] << ' ' << test::mode_name(mode);
    }
  }
}

TEST_P(CastOnEachIsa, ConvertsAsOneValueIsConverted) {
  const std::vector<float> from = floats_around_middles();
  Philox generator(7, Purpose::kTest);
  std::vector<std::uint32_t> random(from.size());
  for (std::uint32_t& word : random) word = generator.next_u32();
  for_each_format([&](auto type) {
    check_decoding<decltype(type)>();
    check_encoding<decltype(type)>(from, random, all_modes());
  });
  const test::DenormalsAsZero mode;
  for_each_format([&](auto type) {
    check_decoding<decltype(type)>();
    check_encoding<decltype(type)>(
        from, random, {{}, {.rounding = Rounding::kTowardZero}, {.rounding = Rounding::kStochastic}});
  });
}

TEST_P(CastOnEachIsa, ConvertsPartsOfVectors) {
  const std::vector<float> from(200, 1.9F);
  for (std::size_t count = 0; count < from.size(); ++count) {
    std::vector<Float8E4M3> to(from.size(), Float8E4M3(-1.0F));
    cast(from.data(), static_cast<std::int64_t>(count), to.data());
    for (std::size_t i = 0; i < to.size(); ++i)
      ASSERT_EQ(static_cast<float>(to[i]), i < count ? 1.875F : -1.0F);
  }
}

// What goes past the caches, to memory that begins anywhere, is what parts of it are.
template <typename T>
void check_streaming(std::int64_t count) {
  constexpr std::int64_t kPart = 500;
  constexpr std::int64_t kOffset = 3;
  ASSERT_TRUE(streams<T>(count) && !streams<T>(kPart));
  std::vector<float> from(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    from[static_cast<std::size_t>(i)] = std::bit_cast<float>(static_cast<std::uint32_t>(i) * 2654435761U);
  }
  std::vector<T> codes(static_cast<std::size_t>(count + kOffset));
  std::vector<T> codes_of_parts(codes.size());
  std::vector<float> back(codes.size());
  std::vector<float> back_of_parts(codes.size());
  cast(from.data(), count, codes.data() + kOffset);
  cast(codes.data() + kOffset, count, back.data() + kOffset);
  for (std::int64_t i = 0; i < count; i += kPart) {
    const std::int64_t part = std::min(kPart, count - i);
    cast(from.data() + i, part, codes_of_parts.data() + kOffset + i);
    cast(codes_of_parts.data() + kOffset + i, part, back_of_parts.data() + kOffset + i);
  }
  ASSERT_EQ(std::memcmp(codes.data(), codes_of_parts.data(), codes.size() * sizeof(T)), 0);
  ASSERT_EQ(std::memcmp(back.data(), back_of_parts.data(), back.size() * sizeof(float)), 0);
}

TEST_P(CastOnEachIsa, WritesPastTheCachesWhatItWritesIntoThem) {
  force_last_cache_bytes(1 << 14);
  for_each_format([](auto type) { check_streaming<decltype(type)>(100'001); });
  force_last_cache_bytes(0);
}

// Each format and deterministic mode against the search among the format's values, over blocks of
// neighbouring FP32 values, NaN apart.
constexpr std::int64_t kBlock = 1 << 16;

template <typename T>
class AllFloats {
 public:
  AllFloats() {
    const test::FormatOracle oracle(float_formats()[static_cast<std::size_t>(format_index<T>())].name);
    for (const CastMode& mode : test::deterministic_modes()) {
      Expected expected{.mode = mode, .begins = {}, .codes = {}};
      for (const auto& run : oracle.runs(mode)) {
        expected.begins.push_back(run.begin);
        for (const bool negative : {false, true}) {
          T code;
          code.bits = static_cast<typename T::Bits>(oracle.signed_code(run.code, negative));
          expected.codes[negative ? 1 : 0].push_back(code);
        }
      }
      expected.begins.push_back(0x7F800001U);
      expected_.push_back(std::move(expected));
    }
  }

  void check_block(std::int64_t block) const {
    const auto begin = static_cast<std::uint32_t>(block * kBlock);
    std::vector<float> from(kBlock);
    for (std::uint32_t i = 0; i < kBlock; ++i) from[i] = std::bit_cast<float>(begin + i);
    std::vector<T> codes(kBlock);
    std::vector<T> to(kBlock);
    for (const Expected& expected : expected_) {
      const std::size_t numbers = fill(expected, begin, codes);
      cast(from.data(), static_cast<std::int64_t>(numbers), to.data(), expected.mode);
      if (std::memcmp(to.data(), codes.data(), numbers * sizeof(T)) == 0) continue;
      for (std::size_t i = 0; i < numbers; ++i) {
        if (to[i].bits == codes[i].bits) continue;
        fail("{} gives {:#x} instead of {:#x} ({})", from[i], to[i].bits, codes[i].bits,
             test::mode_name(expected.mode));
      }
    }
  }

 private:
  // Codes change at `begins`, the last of which is the first NaN; for each sign.
  struct Expected {
    CastMode mode;
    std::vector<std::uint32_t> begins;
    std::vector<T> codes[2];
  };

  // The codes from `begin` on; how many are no NaN.
  static std::size_t fill(const Expected& expected, std::uint32_t begin, std::vector<T>& codes) {
    const std::uint32_t first = begin & 0x7FFFFFFFU;
    const std::uint32_t last = first + static_cast<std::uint32_t>(kBlock);
    const auto& begins = expected.begins;
    auto run =
        static_cast<std::size_t>(std::upper_bound(begins.begin(), begins.end(), first) - begins.begin());
    std::uint32_t at = first;
    for (; at < last && run < begins.size(); ++run) {
      const std::uint32_t end = std::min(last, begins[run]);
      const T code = expected.codes[begin >> 31][run - 1];
      std::fill(codes.begin() + (at - first), codes.begin() + (end - first), code);
      at = end;
    }
    return at - first;
  }

  std::vector<Expected> expected_;
};

// With FILIGREE_TEST_LONG all 2^32; otherwise a prime number of blocks on from one to the next, so that
// signs, exponents and fractions mix.
TEST_P(CastOnEachIsa, GivesTheNearestOfAllValues) {
  if (GetParam() == Isa::kAvx512Bf16) return;  // the kernels of avx512
  const std::int64_t step = std::getenv("FILIGREE_TEST_LONG") != nullptr ? 1 : 307;
  for_each_format([&](auto type) {
    const AllFloats<decltype(type)> all;
    EXPECT_NO_THROW(parallel_chunks((kBlock + step - 1) / step, 1, [&](std::int64_t chunk, std::int64_t) {
      all.check_block(chunk * step);
    }));
  });
}

TEST(Cast, StochasticRoundingNeedsRandomBits) {
  const float from = 1;
  Float8E5M2 to;
  EXPECT_THROW(cast(&from, 1, &to, CastMode{.rounding = Rounding::kStochastic}), Error);
}

}  // namespace
}  // namespace filigree
