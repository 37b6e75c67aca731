// Runs that are stopped in every way go on to the same bytes.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "bert/small_run.h"

namespace filigree::test {
namespace {

void sleep_seconds(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

const std::string& reference_bytes() {
  static const std::string bytes = [] {
    const TemporaryFolder folder;
    const Outcome outcome = run_program(pretrain(folder / "run"));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return read_file(final_checkpoint(folder / "run"));
  }();
  return bytes;
}

// The run's command, as a process that may be killed. It resumes where the folder holds a run.
ChildProcess start(const std::filesystem::path& run) {
  Arguments arguments = pretrain(run);
  if (std::filesystem::exists(run / "config.toml")) arguments.push_back("--resume");
  return start_program(arguments);
}

// The last step that the run's metrics speak of; they have a line every 5 steps.
std::int64_t last_step(const std::filesystem::path& run) {
  if (!std::filesystem::exists(run / "metrics.jsonl")) return 0;
  const std::string text = metrics_of(run);
  const std::size_t at = text.rfind("\"step\":");
  return at == std::string::npos ? 0 : std::strtoll(text.c_str() + at + 7, nullptr, 10);
}

// Kills the run at a random moment behind a random step; false where it ended first.
bool kill_in_flight(const std::filesystem::path& run, Philox& random) {
  const std::int64_t begin = last_step(run);
  if (begin >= 125) return false;
  const auto target =
      begin + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(125 - begin)));
  ChildProcess child = start(run);
  for (int i = 0; i < 3000 && last_step(run) < target && !std::filesystem::exists(final_checkpoint(run));
       ++i) {
    sleep_seconds(0.003);
  }
  sleep_seconds(0.02 * random.uniform());
  child.kill(SIGKILL);
  return child.wait() == -SIGKILL;
}

TEST(Resume, KilledAtRandomMomentsEndsInTheSameBytes) {
  const int runs = std::getenv("FILIGREE_TEST_LONG") != nullptr ? 20 : 3;
  const std::string& expected = reference_bytes();
  const auto seed = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  Philox random(seed, Purpose::kTest, 0);
  int kills = 0;
  int in_flight = 0;
  for (int i = 0; i < runs; ++i) {
    const TemporaryFolder folder;
    const std::filesystem::path run = folder / "run";
    for (int attempt = 0; attempt < 3; ++attempt) {
      if (!kill_in_flight(run, random)) continue;
      ++kills;
      in_flight += last_step(run) > 0 && last_step(run) < 130 ? 1 : 0;
    }
    EXPECT_EQ(start(run).wait(), 0) << "seed " << seed << ", run " << i;
    ASSERT_TRUE(std::filesystem::exists(final_checkpoint(run))) << "seed " << seed << ", run " << i;
    EXPECT_TRUE(read_file(final_checkpoint(run)) == expected) << "seed " << seed << ", run " << i;
  }
  std::printf("%d runs, %d kills, %d of them between the first and the last step\n", runs, kills, in_flight);
  EXPECT_GE(in_flight, runs);
}

// Other models, and more threads than one.
TEST(Resume, GoesOnToTheSameBytesForEveryKindOfModel) {
  const std::vector<Arguments> kinds = {{"--density", "1", "--updates", "0", "--threads", "2"},
                                        {"--norm", "pre", "--threads", "2"},
                                        {"--next-sentence"},
                                        {"--storage", "masked"}};
  for (const Arguments& kind : kinds) {
    const TemporaryFolder folder;
    Arguments more = {"--steps", "60"};
    more.insert(more.end(), kind.begin(), kind.end());
    EXPECT_EQ(run_program(pretrain(folder / "straight", more)).code, 0) << kind[0];
    const std::filesystem::path run = folder / "run";
    {
      ChildProcess child = start_program(pretrain(run, more));
      for (int i = 0; i < 3000 && last_step(run) < 30; ++i) sleep_seconds(0.003);
      child.kill(SIGINT);
      EXPECT_EQ(child.wait(), 130) << kind[0];
    }
    more.emplace_back("--resume");
    EXPECT_EQ(run_program(pretrain(run, more)).code, 0) << kind[0];
    EXPECT_TRUE(read_file(final_checkpoint(run, 60)) == read_file(final_checkpoint(folder / "straight", 60)))
        << kind[0];
  }
}

TEST(Resume, CtrlCWritesACheckpointAndExitsWith130) {
  const TemporaryFolder folder;
  const std::filesystem::path run = folder / "run";
  Arguments arguments = pretrain(run, {"--checkpoint-every", "100000", "--steps", "100000"});
  ChildProcess child = start_program(arguments);
  for (int i = 0;
       i < 200 && !(std::filesystem::exists(run / "metrics.jsonl") && metrics_of(run).size() > 500); ++i) {
    sleep_seconds(0.1);
  }
  child.kill(SIGINT);
  EXPECT_EQ(child.wait(), 130);
  const auto checkpoints = std::filesystem::directory_iterator(run / "checkpoints");
  EXPECT_NE(checkpoints, std::filesystem::directory_iterator());
}

TEST(Resume, MetricsAreThoseOfAnUninterruptedRun) {
  const TemporaryFolder folder;
  const std::filesystem::path run = folder / "run";
  {
    ChildProcess child = start(run);
    for (int i = 0; i < 300 && !std::filesystem::exists(final_checkpoint(run, 15)); ++i) sleep_seconds(0.05);
    child.kill(SIGKILL);
    child.wait();
  }
  EXPECT_EQ(run_program(pretrain(run, {"--resume"})).code, 0);
  const std::filesystem::path straight = folder / "straight";
  EXPECT_EQ(run_program(pretrain(straight)).code, 0);
  // All but the seconds.
  const auto without_seconds = [](std::string text) {
    for (std::size_t at = 0; (at = text.find("\"seconds\":", at)) != std::string::npos;) {
      text.erase(at, text.find_first_of(",}", at) - at);
    }
    return text;
  };
  EXPECT_EQ(without_seconds(metrics_of(run)), without_seconds(metrics_of(straight)));
}

TEST(Resume, AFinishedRunIsLeftAlone) {
  const TemporaryFolder folder;
  const std::filesystem::path run = folder / "run";
  EXPECT_EQ(run_program(pretrain(run)).code, 0);
  const std::string before = read_file(final_checkpoint(run));
  const Outcome outcome = run_program(pretrain(run, {"--resume"}));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(read_file(final_checkpoint(run)) == before);
  EXPECT_NE(outcome.out.find("held-out loss"), std::string::npos);
}

}  // namespace
}  // namespace filigree::test
