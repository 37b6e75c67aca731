// What filigree does before any command runs.
#include <gtest/gtest.h>

#include <string>

#include "filigree/base/test_support.h"
#include "support/run_program.h"

namespace filigree {
namespace {

using test::contains;
using test::Outcome;
using test::run_program;

TEST(Filigree, HelpListsTheCommandsOnStdout) {
  for (const char* flag : {"--help", "-h", "help"}) {
    const Outcome outcome = run_program({FILIGREE_PROGRAM, flag});
    EXPECT_EQ(outcome.code, 0) << flag;
    EXPECT_TRUE(contains(outcome.out, "usage: filigree <area> <verb> [options]")) << outcome.out;
    for (const char* command : {"  info ", "  bert prepare ", "  bert pretrain ", "  bert fill ",
                                "  sparse plan ", "  sparse bench ", "  sparse report "}) {
      EXPECT_TRUE(contains(outcome.out, command)) << command;
    }
    EXPECT_EQ(outcome.err, "");
  }
}

TEST(Filigree, HelpOfAnAreaListsItsCommandsAlone) {
  const Outcome outcome = run_program({FILIGREE_PROGRAM, "bert", "--help"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_TRUE(contains(outcome.out, "  bert pretrain ")) << outcome.out;
  EXPECT_FALSE(contains(outcome.out, "  info ")) << outcome.out;
}

TEST(Filigree, PrintsItsVersion) {
  const Outcome outcome = run_program({FILIGREE_PROGRAM, "--version"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "filigree " FILIGREE_VERSION "\n");
  EXPECT_EQ(outcome.err, "");
}

// A full disk behind a redirection.
TEST(Filigree, ResultsThatCannotBeWrittenAreAnError) {
  for (const std::string arguments : {" --version", " info --json"}) {
    const Outcome outcome = run_program({"/bin/sh", "-c", FILIGREE_PROGRAM + arguments + " >/dev/full"});
    EXPECT_EQ(outcome.code, 1) << arguments;
    EXPECT_TRUE(contains(outcome.err, "No space left on device")) << outcome.err;
  }
}

TEST(Filigree, WithoutACommandIsWrongUsage) {
  EXPECT_EQ(run_program({FILIGREE_PROGRAM}).code, 2);
  EXPECT_EQ(run_program({FILIGREE_PROGRAM, "bert"}).code, 2);
}

TEST(Filigree, AnUnknownCommandIsNamedWithTheCure) {
  const Outcome outcome = run_program({FILIGREE_PROGRAM, "brew", "coffee"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "error: there is no command 'brew'; filigree --help lists the commands\n");
  EXPECT_EQ(run_program({FILIGREE_PROGRAM, "bert", "brew"}).err,
            "error: there is no command 'bert brew'; filigree --help lists the commands\n");
}

#if !FILIGREE_WITH_TORCH
TEST(Filigree, ACommandThatNeedsTorchSaysHowToGetIt) {
  const Outcome outcome = run_program({FILIGREE_PROGRAM, "bert", "fill"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_TRUE(contains(outcome.err, "-DFILIGREE_TORCH=ON")) << outcome.err;
}
#endif

}  // namespace
}  // namespace filigree
