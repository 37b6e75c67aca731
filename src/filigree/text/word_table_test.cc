#include "filigree/text/word_table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "filigree/base/philox.h"

namespace filigree::text {
namespace {

std::map<std::string, std::uint64_t> as_map(const WordTable& table) {
  std::map<std::string, std::uint64_t> result;
  for (std::size_t i = 0; i < table.size(); ++i) result[std::string(table.word(i))] = table.count(i);
  EXPECT_EQ(result.size(), table.size());
  return result;
}

TEST(WordTable, CountsLikeAMap) {
  WordTable table;
  std::map<std::string, std::uint64_t> wanted;
  Philox random(5, Purpose::kTest);
  for (int i = 0; i < 50000; ++i) {
    const std::string word = fmt::format("{}", random.below(1 + random.below(20000)));
    const std::uint64_t count = 1 + random.below(3);
    table.add(word, count);
    wanted[word] += count;
  }
  EXPECT_EQ(as_map(table), wanted);
  table.clear();
  EXPECT_EQ(table.size(), 0U);
  table.add("x");
  EXPECT_EQ(as_map(table), (std::map<std::string, std::uint64_t>{{"x", 1}}));
}

TEST(WordTable, DropsTheRarest) {
  WordTable table;
  for (int i = 0; i < 100; ++i)
    table.add(fmt::format("w{}", i), std::uint64_t{1} + static_cast<std::uint64_t>(i) / 10);
  EXPECT_EQ(table.keep_most_frequent(100), 0U);
  EXPECT_EQ(table.keep_most_frequent(45), 6U);  // those of count 6 would be in part: all go
  EXPECT_EQ(table.size(), 40U);
  for (const auto& [word, count] : as_map(table)) EXPECT_GT(count, 6U) << word;
  table.add("w99");
  EXPECT_EQ(as_map(table).at("w99"), 11U);
}

}  // namespace
}  // namespace filigree::text
