// filigree sparse bench: what it prints and what it refuses, never how fast it is.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "filigree/base/test_support.h"
#include "support/run_program.h"

namespace filigree {
namespace {

using test::contains;
using test::Outcome;
using test::run_program;
using test::TemporaryFolder;

TEST(SparseBench, PrintsALineOfJsonForEachCell) {
  for (const char* op : {"forward", "grad-input", "grad-weight"}) {
    for (const char* layout : {"row-major", "token-major"}) {
      const Outcome outcome = run_program({FILIGREE_PROGRAM,
                                           "sparse",
                                           "bench",
                                           "--m",
                                           "64",
                                           "--k",
                                           "32",
                                           "--n",
                                           "8",
                                           "--density",
                                           "1/4",
                                           "--op",
                                           op,
                                           "--layout",
                                           layout,
                                           "--pairs",
                                           "1",
                                           "--threads",
                                           "1",
                                           "--json"});
      ASSERT_EQ(outcome.code, 0) << outcome.err;
      const auto line = nlohmann::json::parse(outcome.out);
      EXPECT_EQ(line["op"], op);
      EXPECT_EQ(line["layout"], layout);
      EXPECT_EQ(line["k"], 32);
      EXPECT_EQ(line["density"], 0.25);
      EXPECT_GT(line["seconds"], 0.0);
      EXPECT_GT(line["gflops_dense"], 0.0);
    }
  }
}

TEST(SparseBench, TakesEveryType) {
  for (const char* type : {"float32", "float64", "float16", "bfloat16", "float8-e4m3", "float8-e5m2"}) {
    const Outcome outcome =
        run_program({FILIGREE_PROGRAM, "sparse", "bench", "--m", "32", "--n", "16", "--density", "1/4",
                     "--dtype", type, "--pairs", "1", "--cold", "--threads", "1", "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const auto line = nlohmann::json::parse(outcome.out);
    EXPECT_EQ(line["dtype"], type);
    EXPECT_EQ(line["caches"], "cold");
    EXPECT_GT(line["gflops_dense"], 0.0);
  }
}

// Lists of any option give a grid; what ran is named.
TEST(SparseBench, RunsStaticDynamicAndDense) {
  const Outcome outcome =
      run_program({FILIGREE_PROGRAM, "sparse", "bench",     "--m",    "64",        "--n",       "512",
                   "--block",        "1",      "--density", "1/16",   "--density", "1",         "--mode",
                   "static",         "--mode", "dynamic",   "--mode", "dense",     "--pattern", "uniform",
                   "--pattern",      "banded", "--pairs",   "1",      "--threads", "1",         "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  std::istringstream lines(outcome.out);
  int count = 0;
  for (std::string text; std::getline(lines, text); ++count) {
    const auto line = nlohmann::json::parse(text);
    const bool dense = line["mode"] == "dense" || line["density"] == 1.0;
    EXPECT_EQ(line["executed"], dense ? "dense" : "sparse") << text;
    EXPECT_EQ(line["pattern"], count < 6 ? "uniform" : "banded") << text;
  }
  EXPECT_EQ(count, 12);
  const Outcome never =
      run_program({FILIGREE_PROGRAM, "sparse", "bench", "--m", "64", "--n", "512", "--block", "1",
                   "--density", "1", "--pairs", "1", "--json", "--no-fallback"});
  ASSERT_EQ(never.code, 0) << never.err;
  EXPECT_EQ(nlohmann::json::parse(never.out)["executed"], "sparse");
}

TEST(SparseBench, RefusesWhatIsNoBenchmark) {
  for (const char* option : {"--m=x", "--m=0", "--n=0", "--density=2", "--density=1/0", "--block=3"}) {
    const Outcome outcome = run_program({FILIGREE_PROGRAM, "sparse", "bench", option});
    EXPECT_EQ(outcome.code, 2) << option;
    EXPECT_TRUE(contains(outcome.err, "error: ")) << outcome.err;
  }
}

// Each type in each product and layout; another type of the dense product is named.
TEST(SparseBench, TimesEveryType) {
  for (const std::string dtype : {"float16", "bfloat16", "float8-e4m3", "float8-e5m2"}) {
    const Outcome outcome = run_program(
        {FILIGREE_PROGRAM, "sparse",      "bench",      "--m",  "64",          "--n",      "16",
         "--block",        "8",           "--density",  "1/4",  "--dtype",     dtype,      "--op",
         "forward",        "--op",        "grad-input", "--op", "grad-weight", "--layout", "row-major",
         "--layout",       "token-major", "--pairs",    "1",    "--threads",   "1",        "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    std::istringstream lines(outcome.out);
    int count = 0;
    for (std::string text; std::getline(lines, text); ++count) {
      const auto line = nlohmann::json::parse(text);
      EXPECT_EQ(line["dtype"], dtype);
      EXPECT_EQ(line["executed"], "sparse");
      EXPECT_GT(line["gflops_dense"], 0.0);
      const bool other = contains(line["dense_library"].get<std::string>(), "(float32)");
      EXPECT_TRUE(other || dtype != "float16") << text;
    }
    EXPECT_EQ(count, 6);
  }
}

// Sizes that blocks do not divide.
TEST(SparseBench, TakesRaggedShapes) {
  const Outcome outcome = run_program({FILIGREE_PROGRAM, "sparse", "bench", "--m", "30", "--k", "50", "--n",
                                       "5", "--density", "1/4", "--pairs", "1", "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(nlohmann::json::parse(outcome.out)["m"], 30);
}

TEST(SparseBench, TakesThePatternOfAFile) {
  const TemporaryFolder folder;
  const auto mtx =
      folder.write("w.mtx", "%%MatrixMarket matrix coordinate real general\n5 6 2\n5 6 1.5\n1 1 2\n");
  const auto smtx = folder.write("w.smtx", "5, 6, 2\n0 1 1 1 1 2\n0 5\n");
  for (const auto& file : {mtx, smtx}) {
    const Outcome outcome =
        run_program({FILIGREE_PROGRAM, "sparse", "bench", "--matrix", file.string(), "--n", "8", "--block",
                     "4", "--block", "1", "--pairs", "1", "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    std::istringstream lines(outcome.out);
    for (const double density : {0.5, 2.0 / 30}) {
      std::string text;
      ASSERT_TRUE(std::getline(lines, text));
      const auto line = nlohmann::json::parse(text);
      EXPECT_EQ(line["m"], 5);
      EXPECT_EQ(line["k"], 6);
      EXPECT_EQ(line["density"], density);
      EXPECT_EQ(line["pattern"], file.filename().string());
    }
  }
}

TEST(SparseBench, RefusesWhatAFileSaysItself) {
  const TemporaryFolder folder;
  const auto file = folder.write("w.smtx", "5, 6, 2\n0 1 1 1 1 2\n0 5\n").string();
  for (const char* option : {"--m=64", "--k=64", "--density=1/4", "--pattern=banded"}) {
    const Outcome outcome = run_program({FILIGREE_PROGRAM, "sparse", "bench", "--matrix", file, option});
    EXPECT_EQ(outcome.code, 2) << option;
    EXPECT_TRUE(contains(outcome.err, "leave out --")) << outcome.err;
  }
  EXPECT_EQ(run_program({FILIGREE_PROGRAM, "sparse", "bench", "--matrix", "w.txt"}).code, 2);
  EXPECT_EQ(run_program({FILIGREE_PROGRAM, "sparse", "bench", "--matrix", "none.mtx"}).code, 3);
  const auto empty = folder.write("e.smtx", "2, 2, 0\n0 0 0\n\n").string();
  const Outcome outcome = run_program({FILIGREE_PROGRAM, "sparse", "bench", "--matrix", empty});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_TRUE(contains(outcome.err, "holds no element")) << outcome.err;
}

}  // namespace
}  // namespace filigree
