#include "filigree/models/bert/masking.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "filigree/models/bert/testing.h"

namespace filigree::models {
namespace {

std::vector<std::int32_t> words_and_continuations(Philox& random, int count) {
  std::vector<std::int32_t> ids = {2};
  for (int i = 0; i < count; ++i) ids.push_back(static_cast<std::int32_t>(5 + random.below(55)));
  ids.push_back(3);
  return ids;
}

// Pieces of the shortest word of which none is among `places`, which rise.
std::size_t shortest_left(const text::Vocabulary& vocabulary, const std::vector<std::int32_t>& ids,
                          const std::vector<std::int64_t>& places) {
  std::size_t shortest = ids.size();
  for (std::size_t begin = 1; begin + 1 < ids.size();) {  // [CLS] and [SEP] are none
    std::size_t end = begin + 1;
    while (end + 1 < ids.size() && vocabulary.is_continuation(ids[end])) ++end;
    const bool chosen = std::binary_search(places.begin(), places.end(), static_cast<std::int64_t>(begin));
    if (!chosen) shortest = std::min(shortest, end - begin);
    begin = end;
  }
  return shortest;
}

TEST(Masker, PredictsTheAskedNumberInWholeWords) {
  const auto vocabulary = testing::small_vocabulary();
  const Masker masker(vocabulary, {0.15, 20, true});
  for (std::uint64_t trial = 0; trial < 200; ++trial) {
    Philox random(3, Purpose::kTest, trial);
    const int tokens = 10 + static_cast<int>(trial);
    const std::vector<std::int32_t> original = words_and_continuations(random, tokens);
    std::vector<std::int32_t> ids = original;
    std::vector<std::int64_t> places, labels;
    masker.mask(random, ids, places, labels);
    const auto limit = std::min<std::size_t>(20, static_cast<std::size_t>(std::llround(0.15 * tokens)));
    EXPECT_EQ(limit, static_cast<std::size_t>(MaskingConfig{}.predictions(tokens)));
    // Not more, and less only where no other word would have fitted.
    EXPECT_LE(places.size(), limit);
    EXPECT_GT(shortest_left(vocabulary, original, places), limit - places.size());
    EXPECT_TRUE(std::is_sorted(places.begin(), places.end()));
    std::vector<bool> chosen(ids.size());
    for (std::size_t i = 0; i < places.size(); ++i) {
      EXPECT_EQ(labels[i], original[static_cast<std::size_t>(places[i])]);
      chosen[static_cast<std::size_t>(places[i])] = true;
    }
    EXPECT_FALSE(chosen.front() || chosen.back());  // [CLS] and [SEP]
    for (std::size_t i = 1; i < ids.size(); ++i) {
      if (!chosen[i]) {
        EXPECT_EQ(ids[i], original[i]);
      }
      // A continuation is chosen exactly when the piece before it is (a leading one is a word of its own).
      if (i > 1 && vocabulary.is_continuation(original[i])) {
        EXPECT_EQ(chosen[i], chosen[i - 1]) << trial << " " << i;
      }
    }
  }
}

TEST(Masker, MaskKeepAndRandomAre80To10To10) {
  const auto vocabulary = testing::small_vocabulary();
  const Masker masker(vocabulary, {0.5, 10000, false});
  Philox random(4, Purpose::kTest, 0);
  std::int64_t masked = 0, kept = 0, other = 0, total = 0;
  for (int round = 0; round < 200; ++round) {
    const std::vector<std::int32_t> original = words_and_continuations(random, 400);
    std::vector<std::int32_t> ids = original;
    std::vector<std::int64_t> places, labels;
    masker.mask(random, ids, places, labels);
    for (const std::int64_t place : places) {
      const auto i = static_cast<std::size_t>(place);
      ++total;
      if (ids[i] == vocabulary.mask_id()) {
        ++masked;
      } else if (ids[i] == original[i]) {
        ++kept;
      } else {
        ++other;
        EXPECT_FALSE(vocabulary.is_special(ids[i]));
      }
    }
  }
  EXPECT_EQ(total, 200 * 200);
  const auto n = static_cast<double>(total);
  // Five standard deviations; a random piece equals the old one once in 55 times.
  const auto near = [&](std::int64_t count, double p) {
    return std::abs(static_cast<double>(count) - n * p) < 5 * std::sqrt(n * p * (1 - p));
  };
  EXPECT_TRUE(near(masked, 0.8)) << masked;
  EXPECT_TRUE(near(kept, 0.1 + 0.1 / 55)) << kept;
  EXPECT_TRUE(near(other, 0.1 - 0.1 / 55)) << other;
}

TEST(Masker, ShortSequencesStillPredictOne) {
  const Masker masker(testing::small_vocabulary(), {0.15, 20, true});
  Philox random(5, Purpose::kTest, 0);
  std::vector<std::int32_t> ids = {2, 7, 3};
  std::vector<std::int64_t> places, labels;
  masker.mask(random, ids, places, labels);
  EXPECT_EQ(places, std::vector<std::int64_t>{1});
  EXPECT_EQ(labels, std::vector<std::int64_t>{7});
}

TEST(Masker, ASequenceOfOneLongWordStillPredicts) {
  const Masker masker(testing::small_vocabulary(), {0.15, 20, true});
  Philox random(5, Purpose::kTest, 0);
  std::vector<std::int32_t> ids = {2, 7, 50, 51, 52, 53, 3};
  std::vector<std::int64_t> places, labels;
  masker.mask(random, ids, places, labels);
  EXPECT_EQ(places, std::vector<std::int64_t>{1});
}

}  // namespace
}  // namespace filigree::models
