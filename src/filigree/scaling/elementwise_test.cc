#include "filigree/scaling/elementwise.h"

#include <gtest/gtest.h>

#include <cmath>

#include "filigree/base/error.h"

namespace filigree::scaling {
namespace {

TEST(Elementwise, HasThePublishedFactors) {
  EXPECT_EQ(layer_norm(64), (Factors{.output = 1, .inputs = {1, 0.125, 0.125}}));
  EXPECT_EQ(rms_norm(64), (Factors{.output = 1, .inputs = {1, 0.125}}));
  EXPECT_EQ(dropout(0.75), (Factors{.output = 0.5, .inputs = {0.5}}));
  EXPECT_EQ(sum(64), (Factors{.output = 0.125, .inputs = {1}}));
  EXPECT_EQ(weighted_sum({3, -4}), (Factors{.output = 0.2, .inputs = {1.0 / 3, 0.25}}));
  EXPECT_EQ(mse(1), (Factors{.output = 1, .inputs = {1 / std::sqrt(8.0), 1 / std::sqrt(8.0)}}));
  EXPECT_EQ(mse(16).inputs[1], 16 / std::sqrt(8.0));
}

TEST(Add, CountsOperandsThatVary) {
  EXPECT_EQ(add(32, {32, 32}), (Factors{.output = 1 / std::sqrt(2.0), .inputs = {1, 1}}));
  EXPECT_EQ(add(32, {32, 2}), (Factors{.output = 1 / std::sqrt(2.0), .inputs = {1, 0.25}}));
  EXPECT_EQ(add(16, {16, 1}), (Factors{.output = 1, .inputs = {1, 0.25}}));
  EXPECT_EQ(add(32, {32, 32, 32, 32}).output, 0.5);
  EXPECT_EQ(add(1, {1, 1}).output, 1 / std::sqrt(2.0)) << "nothing is broadcast";
}

TEST(Elementwise, RefusesWhatIsNoShape) {
  EXPECT_THROW(layer_norm(0), Error);
  EXPECT_THROW(rms_norm(-1), Error);
  for (const double bad : {-0.1, 1.0, std::nan("")}) EXPECT_THROW(dropout(bad), Error) << bad;
  EXPECT_THROW(sum(0), Error);
  EXPECT_THROW(weighted_sum({}), Error);
  for (const double bad : {0.0, HUGE_VAL, std::nan("")}) EXPECT_THROW(weighted_sum({1, bad}), Error) << bad;
  EXPECT_THROW(add(32, {}), Error);
  EXPECT_THROW(add(0, {1}), Error);
  EXPECT_THROW(add(32, {32, 0}), Error);
  EXPECT_THROW(add(32, {32, 5}), Error);
  EXPECT_THROW(mse(0), Error);
}

}  // namespace
}  // namespace filigree::scaling
