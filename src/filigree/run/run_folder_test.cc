#include "filigree/run/run_folder.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "filigree/base/file.h"
#include "filigree/base/log.h"
#include "filigree/base/test_support.h"
#include "filigree/run/checkpoint.h"

namespace filigree::run {
namespace {

using test::contains;
using test::error_of;
using test::TemporaryFolder;
using test::write_quickly;

TEST(RunFolder, HasTheLayoutOfARun) {
  const TemporaryFolder scratch;
  const auto folder = scratch / "a" / "run";
  RunFolder run(folder, /*resume=*/false);
  EXPECT_FALSE(RunFolder::holds_run(folder));
  run.write_config("seed = 1\n");
  EXPECT_TRUE(RunFolder::holds_run(folder));
  run.metrics().write(1, "train", {{"loss", 2}});
  log_info("a message for the log");
  EXPECT_EQ(read_file(folder / "config.toml"), "seed = 1\n");
  EXPECT_TRUE(contains(read_file(folder / "log.txt"), "a message for the log"));
  EXPECT_EQ(read_metrics(run.metrics_file()).size(), 1u);
  EXPECT_TRUE(std::filesystem::is_directory(run.checkpoints()));
}

TEST(RunFolder, AnEarlierRunIsKeptUnlessResumed) {
  const TemporaryFolder scratch;
  RunFolder(scratch.path(), false).write_config("seed = 1\n");
  const std::string error = error_of(ExitCode::kUsage, [&] { RunFolder run(scratch.path(), false); });
  EXPECT_TRUE(contains(error, "already holds a run: go on with it by --resume"));
  RunFolder run(scratch.path(), true);
  EXPECT_EQ(read_file(run.config()), "seed = 1\n");
}

TEST(RunFolder, WhatIsLeftOfARunIsProtectedToo) {
  const TemporaryFolder scratch;
  RunFolder(scratch / "metrics", false).metrics().write(1, "train", {});
  error_of(ExitCode::kUsage, [&] { RunFolder run(scratch / "metrics", false); });
  std::filesystem::create_directories(scratch / "checkpoints" / "checkpoints");
  write_quickly(checkpoint_path(scratch / "checkpoints" / "checkpoints", 1), "");
  error_of(ExitCode::kUsage, [&] { RunFolder run(scratch / "checkpoints", false); });
}

TEST(RunFolder, ANameThatIsTooLongIsAnError) {
  const TemporaryFolder scratch;
  for (const bool resume : {false, true}) {
    const std::string error =
        error_of(ExitCode::kUsage, [&] { RunFolder run(scratch / std::string(300, 'r'), resume); });
    EXPECT_TRUE(contains(error, "too long; take a shorter one")) << error;
  }
}

TEST(RunFolder, AStartThatWasKilledEarlyIsNoRun) {
  const TemporaryFolder scratch;
  { RunFolder run(scratch.path(), false); }  // killed before write_config()
  const std::string error = error_of(ExitCode::kUsage, [&] { RunFolder run(scratch.path(), true); });
  EXPECT_TRUE(contains(error, "holds no run: leave out --resume"));
  RunFolder run(scratch.path(), false);
}

TEST(RunFolder, ResumingNothingCreatesNothing) {
  const TemporaryFolder scratch;
  error_of(ExitCode::kUsage, [&] { RunFolder run(scratch / "new", true); });
  EXPECT_FALSE(std::filesystem::exists(scratch / "new"));
}

TEST(RunFolder, ANewRunLeavesTheFilesOfOthersAlone) {
  const TemporaryFolder scratch;
  const auto film = scratch.path() / "film.partial";
  write_quickly(film, "x");
  const RunFolder run(scratch.path(), false);
  EXPECT_TRUE(std::filesystem::exists(film));
}

TEST(RunFolder, HalfWrittenFilesOfACrashAreRemoved) {
  const TemporaryFolder scratch;
  RunFolder(scratch.path(), false).write_config("");
  const auto report = scratch / "report.html.partial";
  const auto checkpoint = scratch / "checkpoints" / "step-00000001.safetensors.partial";
  const auto other = scratch / "notes.txt";
  for (const auto& path : {report, checkpoint, other}) write_quickly(path, "x");
  const RunFolder run(scratch.path(), true);
  EXPECT_FALSE(std::filesystem::exists(report));
  EXPECT_FALSE(std::filesystem::exists(checkpoint));
  EXPECT_TRUE(std::filesystem::exists(other));
}

TEST(RunFolder, OneProcessAtATime) {
  const TemporaryFolder scratch;
  {
    RunFolder run(scratch.path(), false);
    run.write_config("");
    const std::string error = error_of(ExitCode::kUsage, [&] { RunFolder second(scratch.path(), true); });
    EXPECT_TRUE(contains(error, "another process (pid " + std::to_string(::getpid()) + ")")) << error;
  }
  // A process that dies without a destructor leaves no lock behind.
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      new RunFolder(scratch.path(), true);
      ::_exit(0);
    } catch (const std::exception&) {
      ::_exit(1);
    }
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  RunFolder run(scratch.path(), true);
}

TEST(RunFolder, AFileIsNoFolder) {
  const TemporaryFolder scratch;
  write_quickly(scratch / "x", "");
  EXPECT_TRUE(
      contains(error_of(ExitCode::kUsage, [&] { RunFolder run(scratch / "x", false); }), "is a file"));
}

}  // namespace
}  // namespace filigree::run
