#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "filigree/base/isa.h"
#include "filigree/base/test_support.h"
#include "support/run_program.h"

namespace filigree {
namespace {

using nlohmann::json;
using test::contains;
using test::Outcome;
using test::run_program;

json info_json(const std::vector<std::string>& environment = {}) {
  const Outcome outcome = run_program({FILIGREE_PROGRAM, "info", "--json"}, environment);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(outcome.out.find('\n'), outcome.out.size() - 1) << "one line";
  return json::parse(outcome.out);
}

TEST(Info, JsonHoldsEveryFact) {
  const json facts = info_json();
  EXPECT_EQ(facts.at("version"), FILIGREE_VERSION);
  EXPECT_EQ(facts.at("cpu"), cpu_name());
  EXPECT_EQ(facts.at("usable_isas").size(), usable_isas().size());
  EXPECT_GE(facts.at("cores"), 1);
  EXPECT_EQ(facts.at("threads"), facts.at("cores"));
  EXPECT_TRUE(facts.at("parallel") == "openmp" || facts.at("parallel") == "threads");
  EXPECT_EQ(facts.at("blas").at("threading"), "OpenMP");
  EXPECT_TRUE(contains(facts.at("blas").at("file").get<std::string>(), "openblas"));
  EXPECT_EQ(facts.at("mpi").is_string(), FILIGREE_WITH_MPI == 1);
}

TEST(Info, ThreadsStayWithinTheLimitOfOpenMp) {
  const json facts = info_json({"OMP_THREAD_LIMIT=1"});
  EXPECT_TRUE(facts.at("parallel") != "openmp" || facts.at("threads") == 1);
}

TEST(Info, LibTorchIsAskedWhereItIsBuilt) {
  const json torch = info_json().at("libtorch");
#if FILIGREE_WITH_TORCH
  EXPECT_FALSE(torch.at("libtorch").get<std::string>().empty());
  EXPECT_GE(torch.at("threads"), 1);
#else
  EXPECT_TRUE(torch.is_null());
#endif
}

TEST(Info, TheEnvironmentForcesALowerInstructionSet) {
  for (const Isa isa : usable_isas()) {
    const std::string name(isa_name(isa));
    EXPECT_EQ(info_json({"FILIGREE_ISA=" + name}).at("isa"), name);
  }
  EXPECT_EQ(info_json({"FILIGREE_ISA="}).at("isa"), isa_name(detected_isa())) << "empty is unset";
}

TEST(Info, AnUnknownInstructionSetIsWrongUsage) {
  const Outcome outcome = run_program({FILIGREE_PROGRAM, "info"}, {"FILIGREE_ISA=avx1024"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.err,
            "error: FILIGREE_ISA=avx1024 is unknown; it is one of avx512-bf16, avx512, avx2, portable\n");
}

TEST(Info, TextSaysTheSame) {
  const Outcome outcome = run_program({FILIGREE_PROGRAM, "info"}, {"FILIGREE_ISA=portable"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out.find("filigree " FILIGREE_VERSION "\n"), 0U) << outcome.out;
  for (const std::string& part :
       {cpu_name(), std::string("instruction set  portable"), std::string("OpenBLAS"), std::string("\nMPI "),
        std::string("\nLibTorch ")}) {
    EXPECT_TRUE(contains(outcome.out, part)) << part;
  }
}

TEST(Info, RefusesWhatItDoesNotKnow) {
  const Outcome outcome = run_program({FILIGREE_PROGRAM, "info", "--xml"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_TRUE(contains(outcome.err, "--xml")) << outcome.err;
  EXPECT_EQ(run_program({FILIGREE_PROGRAM, "info", "--help"}).code, 0);
}

}  // namespace
}  // namespace filigree
