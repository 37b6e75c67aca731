#include "filigree/base/philox.h"

#include <Random123/philox.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <set>
#include <vector>

namespace filigree {
namespace {

using Words = std::array<std::uint32_t, 4>;

Words philox_block(const Words& counter, const std::array<std::uint32_t, 2>& key) {
  const auto block =
      r123::Philox4x32()({{counter[0], counter[1], counter[2], counter[3]}}, {{key[0], key[1]}});
  return {block[0], block[1], block[2], block[3]};
}

Philox stream(std::uint64_t index = 0, std::uint32_t sub_index = 0) {
  return {20261123, Purpose::kTest, index, sub_index};
}

std::vector<std::uint32_t> draw(Philox generator, std::size_t count) {
  std::vector<std::uint32_t> draws(count);
  std::generate(draws.begin(), draws.end(), [&] { return generator.next_u32(); });
  return draws;
}

// Pearson's statistic of `counts` against equal expectations, as a distance from its mean in standard
// deviations: chi-square with k - 1 degrees of freedom has mean k - 1 and variance 2 (k - 1).
double chi_square_deviations(const std::vector<std::int64_t>& counts) {
  const double total = static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
  const double expected = total / static_cast<double>(counts.size());
  double statistic = 0;
  for (const std::int64_t count : counts) {
    const double difference = static_cast<double>(count) - expected;
    statistic += difference * difference / expected;
  }
  const double freedom = static_cast<double>(counts.size()) - 1;
  return (statistic - freedom) / std::sqrt(2 * freedom);
}

// Random123's published vectors of philox4x32 with 10 rounds.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox_block({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox_block({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox_block({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// How a stream is keyed is part of the checkpoint contract: a run resumed by a later version must
// draw the same numbers. This is the definition, written a second time.
TEST(Philox, StreamsAreKeyedAsDocumented) {
  const std::uint64_t seed = 0x0123456789abcdef;
  const std::uint64_t index = 0xfedcba9876543210;
  const Words named = philox_block({static_cast<std::uint32_t>(Purpose::kMasking), 7, 0x46494c49, 0x47524545},
                                   {0x89abcdef, 0x01234567});
  std::vector<std::uint32_t> expected;
  for (std::uint32_t position = 0; position < 3; ++position) {
    const Words block = philox_block({position, 0x76543210, 0xfedcba98, named[2]}, {named[0], named[1]});
    expected.insert(expected.end(), block.begin(), block.end());
  }
  EXPECT_EQ(draw(Philox(seed, Purpose::kMasking, index, 7), 12), expected);
}

TEST(Philox, PurposesKeepTheirNumbers) {
  EXPECT_EQ(static_cast<int>(Purpose::kInitialise), 1);
  EXPECT_EQ(static_cast<int>(Purpose::kShuffle), 2);
  EXPECT_EQ(static_cast<int>(Purpose::kMasking), 3);
  EXPECT_EQ(static_cast<int>(Purpose::kPattern), 4);
  EXPECT_EQ(static_cast<int>(Purpose::kPatternUpdate), 5);
  EXPECT_EQ(static_cast<int>(Purpose::kDropout), 6);
  EXPECT_EQ(static_cast<int>(Purpose::kNextSentence), 7);
  EXPECT_EQ(static_cast<int>(Purpose::kSampling), 8);
}

TEST(Philox, EveryPartOfTheNameMakesAnotherStream) {
  std::vector<Philox> streams;
  for (const std::uint64_t seed : {0ULL, 1ULL, 1ULL << 32}) {
    for (const Purpose purpose : {Purpose::kInitialise, Purpose::kShuffle}) {
      for (const std::uint64_t index : {0ULL, 1ULL, 1ULL << 32}) {
        for (const std::uint32_t sub_index : {0U, 1U}) streams.emplace_back(seed, purpose, index, sub_index);
      }
    }
  }
  std::set<std::vector<std::uint32_t>> distinct;
  for (const Philox& one : streams) distinct.insert(draw(one, 4));
  EXPECT_EQ(distinct.size(), streams.size());
}

// Streams of neighbouring indices, read across: as uniform as one stream read along.
TEST(Philox, NeighbouringStreamsAreIndependent) {
  std::vector<std::int64_t> counts(256);
  for (std::uint64_t index = 0; index < 100'000; ++index) ++counts[stream(index).next_u32() >> 24];
  EXPECT_LT(std::abs(chi_square_deviations(counts)), 5);
}

TEST(Philox, EveryByteIsUniform) {
  for (int shift = 0; shift < 32; shift += 8) {
    std::vector<std::int64_t> counts(256);
    for (const std::uint32_t word : draw(stream(), 200'000)) ++counts[word >> shift & 255];
    EXPECT_LT(std::abs(chi_square_deviations(counts)), 5) << "shift " << shift;
  }
}

TEST(Philox, SuccessivePairsAreUniform) {
  std::vector<std::int64_t> counts(64 * 64);
  Philox generator = stream();
  for (int i = 0; i < 500'000; ++i) {
    const std::uint32_t first = generator.next_u32() >> 26;
    const std::uint32_t second = generator.next_u32() >> 26;
    ++counts[first * 64 + second];
  }
  EXPECT_LT(std::abs(chi_square_deviations(counts)), 5);
}

TEST(Philox, TheChiSquareTestCanFail) {
  std::vector<std::int64_t> counts(256, 1000);
  EXPECT_LT(chi_square_deviations(counts), -5) << "too even";
  counts[3] = 1700;
  EXPECT_GT(chi_square_deviations(counts), 5) << "one value too often";
}

TEST(Philox, WordsOf64BitsAreTwoOf32LowFirst) {
  const std::vector<std::uint32_t> words = draw(stream(), 2);
  EXPECT_EQ(stream().next_u64(), words[0] | static_cast<std::uint64_t>(words[1]) << 32);
}

TEST(Philox, BelowIsUniformAndStaysBelow) {
  for (const std::uint64_t bound : {1ULL, 2ULL, 3ULL, 7ULL, 100ULL}) {
    std::vector<std::int64_t> counts(bound);
    Philox generator = stream(bound);
    for (int i = 0; i < 100'000; ++i) {
      const std::uint64_t value = generator.below(bound);
      ASSERT_LT(value, bound);
      ++counts[value];
    }
    if (bound > 1) {
      EXPECT_LT(std::abs(chi_square_deviations(counts)), 5) << "bound " << bound;
    }
  }
}

// At 3 * 2^62 a plain remainder would fall into the lowest third twice as often as into the others.
TEST(Philox, BelowHasNoBiasAtLargeBounds) {
  const std::uint64_t third = std::uint64_t{1} << 62;
  std::vector<std::int64_t> counts(3);
  Philox generator = stream();
  for (int i = 0; i < 100'000; ++i) ++counts[generator.below(3 * third) / third];
  EXPECT_LT(std::abs(chi_square_deviations(counts)), 5);
}

TEST(Philox, UniformLiesInTheHalfOpenUnitInterval) {
  Philox generator = stream();
  std::vector<std::int64_t> counts(100);
  for (int i = 0; i < 200'000; ++i) {
    const double value = generator.uniform();
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    ++counts[static_cast<std::size_t>(value * 100)];
  }
  EXPECT_LT(std::abs(chi_square_deviations(counts)), 5);
}

// The quantiles of the normal distribution cut the draws into tenths.
TEST(Philox, NormalHasTheNormalQuantiles) {
  const double quantiles[] = {
      -1.2815515655446004, -0.8416212335729143, -0.5244005127080407, -0.2533471031357997, 0,
      0.2533471031357997,  0.5244005127080407,  0.8416212335729143,  1.2815515655446004};
  std::vector<std::int64_t> counts(10);
  Philox generator = stream();
  for (int i = 0; i < 200'000; ++i) {
    const auto* const end = std::upper_bound(std::begin(quantiles), std::end(quantiles), generator.normal());
    ++counts[static_cast<std::size_t>(end - std::begin(quantiles))];
  }
  EXPECT_LT(std::abs(chi_square_deviations(counts)), 5);
}

TEST(Philox, TruncatedNormalIsCutAndKeepsItsVariance) {
  Philox generator = stream();
  const int count = 200'000;
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < count; ++i) {
    const double value = generator.truncated_normal(2);
    ASSERT_LE(std::abs(value), 2);
    sum += value;
    squares += value * value;
  }
  // Variance of a standard normal cut at 2: 1 - 4 phi(2) / (2 Phi(2) - 1).
  EXPECT_NEAR(sum / count, 0, 0.01);
  EXPECT_NEAR(squares / count, 0.7737413035, 0.01);
}

TEST(Philox, ShuffleReachesEveryOrderEqually) {
  std::vector<std::int64_t> counts(24);
  for (std::uint64_t index = 0; index < 48'000; ++index) {
    std::vector<int> values{0, 1, 2, 3};
    Philox generator = stream(index);
    generator.shuffle(values);
    ASSERT_TRUE(std::is_permutation(values.begin(), values.end(), std::vector<int>{0, 1, 2, 3}.begin()));
    // The order's number in the factorial system.
    std::size_t number = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const auto smaller = std::count_if(values.begin() + static_cast<std::ptrdiff_t>(i), values.end(),
                                         [&](int v) { return v < values[i]; });
      number = number * (4 - i) + static_cast<std::size_t>(smaller);
    }
    ++counts[number];
  }
  EXPECT_LT(std::abs(chi_square_deviations(counts)), 5);
}

TEST(Philox, ShuffleLeavesShortVectorsAlone) {
  std::vector<int> none;
  std::vector<int> one{5};
  Philox generator = stream();
  generator.shuffle(none);
  generator.shuffle(one);
  EXPECT_EQ(one, std::vector<int>{5});
  EXPECT_EQ(generator.next_u32(), stream().next_u32()) << "nothing to choose: nothing drawn";
}

}  // namespace
}  // namespace filigree
