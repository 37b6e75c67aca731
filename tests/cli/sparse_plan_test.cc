// filigree sparse plan: what it says, saves, loads and refuses.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "filigree/base/test_support.h"
#include "support/run_program.h"

namespace filigree {
namespace {

using test::contains;
using test::Outcome;
using test::run_program;
using test::TemporaryFolder;

Outcome plan(std::vector<std::string> options) {
  options.insert(options.begin(), {FILIGREE_PROGRAM, "sparse", "plan"});
  return run_program(options);
}

TEST(SparsePlan, SaysWhatItChose) {
  const Outcome outcome =
      plan({"--m", "128", "--k", "64", "--block", "8", "--density", "1/4", "--op", "grad-input"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(contains(outcome.out, "dx = w^T dy")) << outcome.out;
  EXPECT_TRUE(contains(outcome.out, "32 blocks of 8 x 8")) << outcome.out;
  EXPECT_TRUE(contains(outcome.out, "runs sparse")) << outcome.out;
}

TEST(SparsePlan, ReadsMatricesAndItsOwnFiles) {
  const TemporaryFolder folder;
  const auto mtx =
      folder.write("w.mtx", "%%MatrixMarket matrix coordinate real general\n5 6 2\n5 6 1.5\n1 1 2\n");
  const auto smtx = folder.write("w.smtx", "5, 6, 2\n0 1 1 1 1 2\n0 5\n");
  const std::string saved = (folder / "w.plan").string();
  for (const auto& file : {mtx, smtx}) {
    const Outcome outcome =
        plan({"--matrix", file.string(), "--block", "4", "--threads", "1", "--no-fallback", "--save", saved});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_TRUE(contains(outcome.out, "w: 5 x 6, 2 blocks of 4 x 4, density 0.5")) << outcome.out;
    EXPECT_TRUE(contains(outcome.out, "reach behind w's edge")) << outcome.out;
  }
  const Outcome loaded = plan({"--load", saved, "--threads", "1"});
  ASSERT_EQ(loaded.code, 0) << loaded.err;
  EXPECT_TRUE(contains(loaded.out, "w: 5 x 6, 2 blocks of 4 x 4, density 0.5")) << loaded.out;
}

TEST(SparsePlan, PlansEveryType) {
  for (const char* dtype : {"float64", "float16", "bfloat16", "float8-e4m3", "float8-e5m2"}) {
    const Outcome outcome = plan({"--m", "64", "--dtype", dtype, "--op", "grad-weight", "--threads", "1"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_TRUE(contains(outcome.out, dtype)) << outcome.out;
  }
}

TEST(SparsePlan, RefusesWhatItCannotRead) {
  const TemporaryFolder folder;
  const std::string text = folder.write("w.txt", "no matrix").string();
  EXPECT_EQ(plan({"--matrix", text}).code, 2);
  EXPECT_EQ(plan({"--matrix", (folder / "none.mtx").string()}).code, 3);
  EXPECT_EQ(plan({"--load", text}).code, 3);
  EXPECT_EQ(plan({"--load", text, "--matrix", "w.mtx"}).code, 2);
  EXPECT_EQ(plan({"--n", "0"}).code, 2);
  EXPECT_EQ(plan({"--dtype", "float8"}).code, 2);
}

}  // namespace
}  // namespace filigree
