#include "filigree/base/nearest.h"

#include <gtest/gtest.h>

namespace filigree {
namespace {

TEST(EditDistance, CountsTheFourEdits) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("hiden", "hidden"), 1u);
  EXPECT_EQ(edit_distance("hidde", "hidden"), 1u);
  EXPECT_EQ(edit_distance("hidxen", "hidden"), 1u);
  EXPECT_EQ(edit_distance("hdiden", "hidden"), 1u);
  EXPECT_EQ(edit_distance("Hidden", "hidden"), 0u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("ca", "abc"), 3u);  // a swapped pair is not edited again
}

TEST(Nearest, TakesTheFirstOfTheBest) {
  EXPECT_EQ(nearest("densty", {"hidden", "density", "seed"}), "density");
  EXPECT_EQ(nearest("x", {"b", "a"}), "b");
  EXPECT_EQ(nearest("x", {}), "");
}

}  // namespace
}  // namespace filigree
