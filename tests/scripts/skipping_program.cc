// Passes one test and skips three, for check_skips_test.
#include <gtest/gtest.h>

TEST(Skipping, Passes) { SUCCEED(); }
TEST(Skipping, ForWantOfData) { GTEST_SKIP() << "FILIGREE_DATA is unset"; }
TEST(Skipping, ForWantOfADisk) { GTEST_SKIP() << "no <small> \"disk\" here"; }

class SkippingEach : public ::testing::TestWithParam<int> {};
TEST_P(SkippingEach, Odd) {
  if (GetParam() % 2 == 1) GTEST_SKIP() << "odd";
}
INSTANTIATE_TEST_SUITE_P(All, SkippingEach, ::testing::Values(0, 1));
