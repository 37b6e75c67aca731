#include "filigree/base/aligned.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>

namespace filigree {
namespace {

bool on_cache_line(const void* data) { return reinterpret_cast<std::uintptr_t>(data) % 64 == 0; }

TEST(AlignedVector, StartsOnACacheLineWhateverItHolds) {
  for (std::size_t size = 1; size < 200; size += 7) {
    EXPECT_TRUE(on_cache_line(AlignedVector<char>(size).data()));
    EXPECT_TRUE(on_cache_line(AlignedVector<double>(size).data()));
  }
}

TEST(AlignedVector, StaysThereWhileItGrows) {
  AlignedVector<float> values;
  for (int i = 0; i < 1000; ++i) {
    values.push_back(static_cast<float>(i));
    ASSERT_TRUE(on_cache_line(values.data()));
  }
  EXPECT_EQ(std::accumulate(values.begin(), values.end(), 0.0F), 499'500);
}

TEST(AlignedVector, CopiesAndMovesKeepContentAndAlignment) {
  AlignedVector<int> first{1, 2, 3};
  const int* const data = first.data();
  const AlignedVector<int> copy = first;
  const AlignedVector<int> moved = std::move(first);
  EXPECT_EQ(copy, moved);
  EXPECT_TRUE(on_cache_line(copy.data()));
  EXPECT_EQ(moved.data(), data) << "a move takes the storage along";
}

}  // namespace
}  // namespace filigree
