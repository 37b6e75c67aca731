#include "filigree/scaling/factors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "filigree/base/error.h"

namespace filigree::scaling {
namespace {

TEST(Constrain, GivesOutputAndBoundInputsOneFactor) {
  const Factors ideal{.output = 12.75, .inputs = {55, 0.001}};
  const auto common = [&](Constraint constraint) {
    const Factors factors = constrain(ideal, {true, true}, constraint);
    EXPECT_EQ(factors.inputs, std::vector<double>(2, factors.output));
    return factors.output;
  };
  // The two means as unit_scaling's tests have them.
  EXPECT_NEAR(common(Constraint::kGeometricMean), 0.8884322, 1e-7);
  EXPECT_NEAR(common(Constraint::kHarmonicMean), 0.00299971, 1e-8);
  EXPECT_NEAR(common(Constraint::kArithmeticMean), 67.751 / 3, 1e-12);
  EXPECT_EQ(common(Constraint::kOutput), 12.75);
  EXPECT_EQ(common(Constraint::kGradient), 55);
  EXPECT_EQ(constrain(ideal, {true, true}, Constraint::kNone), ideal);
}

TEST(Constrain, LeavesFreeInputsAsTheyAre) {
  const Factors ideal{.output = 2, .inputs = {8, 5, 0.5}};
  EXPECT_EQ(constrain(ideal, {true, false, false}, Constraint::kGeometricMean),
            (Factors{.output = 4, .inputs = {4, 5, 0.5}}));
  EXPECT_EQ(constrain(ideal, {false, true, false}, Constraint::kGradient),
            (Factors{.output = 5, .inputs = {8, 5, 0.5}}));
  for (const ConstraintName& entry : constraint_names()) {
    EXPECT_EQ(constrain(ideal, {false, false, false}, entry.constraint), ideal) << entry.name;
  }
}

TEST(Constrain, RefusesWhatIsNoFactor) {
  for (const double bad : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    EXPECT_THROW(constrain({.output = bad, .inputs = {}}, {}, Constraint::kOutput), Error) << bad;
    EXPECT_THROW(constrain({.output = 1, .inputs = {bad}}, {false}, Constraint::kOutput), Error) << bad;
  }
  EXPECT_THROW(constrain({.output = 1, .inputs = {1}}, {}, Constraint::kOutput), Error);
}

TEST(Constraint, IsNamed) {
  for (const ConstraintName& entry : constraint_names()) {
    EXPECT_EQ(parse_constraint(entry.name), entry.constraint);
    EXPECT_EQ(constraint_name(entry.constraint), entry.name);
  }
  try {
    parse_constraint("gmean");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kUsage);
    EXPECT_NE(std::string(error.what()).find("geometric-mean, harmonic-mean"), std::string::npos);
  }
}

}  // namespace
}  // namespace filigree::scaling
