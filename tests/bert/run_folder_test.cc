// What a run leaves in its folder serves from any other place, and holds true figures.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "bert/small_run.h"

namespace filigree::test {
namespace {

// The command, run in `folder`.
Outcome run_in(const std::filesystem::path& folder, Arguments command) {
  command.insert(command.begin(), {"/usr/bin/env", "--chdir=" + folder.string()});
  return run_program(command);
}

std::vector<nlohmann::json> metrics_lines(const std::filesystem::path& run) {
  std::istringstream lines(metrics_of(run));
  std::vector<nlohmann::json> all;
  for (std::string line; std::getline(lines, line);) all.push_back(nlohmann::json::parse(line));
  all.erase(all.begin());  // the format
  return all;
}

TEST(RunFolder, IsResumedAndRepeatedFromAnyFolder) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "elsewhere");
  std::filesystem::copy(PreparedData::instance().path(), folder / "data",
                        std::filesystem::copy_options::recursive);
  const Arguments more = {"--data", "data", "--steps", "10", "--valid-every", "5"};
  ASSERT_EQ(run_in(folder.path(), pretrain("run", more)).code, 0);
  const std::string last = read_file(final_checkpoint(folder / "run", 10));

  std::filesystem::remove(final_checkpoint(folder / "run", 10));
  const Outcome resumed =
      run_in(folder / "elsewhere", {FILIGREE_PROGRAM, "bert", "pretrain", "--run", "../run", "--resume"});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_TRUE(read_file(final_checkpoint(folder / "run", 10)) == last);

  const Arguments again = {FILIGREE_PROGRAM, "bert", "pretrain", "--config", "../run/config.toml"};
  const Outcome homeless = run_in(folder / "elsewhere", again);
  EXPECT_EQ(homeless.code, 2);
  EXPECT_NE(homeless.err.find("--run is missing"), std::string::npos) << homeless.err;
  Arguments housed = again;
  housed.insert(housed.end(), {"--run", "again"});
  const Outcome repeated = run_in(folder / "elsewhere", housed);
  EXPECT_EQ(repeated.code, 0) << repeated.err;
  EXPECT_TRUE(read_file(final_checkpoint(folder / "elsewhere" / "again", 10)) == last);
}

// At most 20 predictions are allowed, but 15 % of a sequence's 22 tokens are 3.
TEST(Metrics, FlopsAreThoseOfThePredictionsThatExist) {
  const TemporaryFolder folder;
  const std::string vocabulary = read_file(PreparedData::instance().path() / "vocab.txt");
  const auto pieces = static_cast<double>(std::count(vocabulary.begin(), vocabulary.end(), '\n'));
  const double h = 32;
  const double matrices = 6 * 24 * (4 * h * h + 2 * h * 4 * h) * 2;
  const double attention = 12 * 24 * 24 * h * 2;
  const double head = 6 * 3 * (h * h + h * pieces);
  for (const auto& [storage, density] : {std::pair{"sparse", 0.3}, std::pair{"masked", 1.0}}) {
    const std::filesystem::path run = folder / storage;
    ASSERT_EQ(run_program(pretrain(run, {"--steps", "5", "--storage", storage})).code, 0);
    const nlohmann::json last = metrics_lines(run).back();
    EXPECT_NEAR(last.at("flops").get<double>(), 5 * 8 * (density * matrices + attention + head), 1);
  }
}

TEST(Fill, TakesAnyOfTheRunsCheckpoints) {
  const TemporaryFolder folder;
  const std::filesystem::path run = folder / "run";
  ASSERT_EQ(run_program(pretrain(run, {"--steps", "10"})).code, 0);
  const Arguments fill = {FILIGREE_PROGRAM,    "bert", "fill", "--json", "--run", run.string(),
                          "word1 [MASK] word3"};
  const auto with = [&](int step) {
    Arguments all = fill;
    all.insert(all.end(), {"--checkpoint", final_checkpoint(run, step).string()});
    return run_program(all);
  };
  const Outcome last = run_program(fill);
  EXPECT_EQ(last.code, 0) << last.err;
  EXPECT_EQ(with(10).out, last.out);
  EXPECT_EQ(with(5).code, 0);
  EXPECT_NE(with(5).out, last.out);
  // A damaged one: the advice can be followed.
  std::string bytes = read_file(final_checkpoint(run, 10));
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_file_atomically(final_checkpoint(run, 10), bytes);
  const Outcome damaged = run_program(fill);
  EXPECT_EQ(damaged.code, 3);
  EXPECT_NE(damaged.err.find("is sound: --checkpoint " + final_checkpoint(run, 5).string()),
            std::string::npos)
      << damaged.err;
  EXPECT_EQ(damaged.err.find("--resume-from"), std::string::npos);
}

// As many pieces, but others: the model's ids would mean other words.
TEST(Fill, RefusesAnotherVocabularyOfTheSameSize) {
  const TemporaryFolder folder;
  const std::filesystem::path run = folder / "run";
  ASSERT_EQ(run_program(pretrain(run, {"--steps", "5"})).code, 0);
  std::string vocabulary = read_file(run / "vocab.txt");
  const std::size_t last = vocabulary.rfind('\n', vocabulary.size() - 2) + 1;
  write_file_atomically(run / "vocab.txt", vocabulary.substr(0, last) + "another\n");
  const Outcome outcome =
      run_program({FILIGREE_PROGRAM, "bert", "fill", "--run", run.string(), "word1 [MASK] word3"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_NE(outcome.err.find("vocab.txt is not the one"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace filigree::test
