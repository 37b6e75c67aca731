// Bad input: one clear error each, the exit code that it deserves, and nothing lost.
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "bert/small_run.h"

namespace filigree::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of('\n');
  if (end == std::string::npos) return "";
  const std::size_t before = text.rfind('\n', end);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  return text.substr(begin, end + 1 - begin);
}

// The error is the last line of stderr, and holds all the parts.
void expect_error(const Outcome& outcome, int code, const std::vector<std::string>& parts) {
  EXPECT_EQ(outcome.code, code) << outcome.err;
  const std::string error = last_line(outcome.err);
  EXPECT_TRUE(error.starts_with("error: ")) << outcome.err;
  for (const std::string& part : parts)
    EXPECT_TRUE(contains(error, part)) << part << "\n in: " << outcome.err;
}

Outcome prepare(const Arguments& more) {
  Arguments all = {FILIGREE_PROGRAM, "bert", "prepare"};
  all.insert(all.end(), more.begin(), more.end());
  return run_program(all);
}

void write(const std::filesystem::path& path, const std::string& text) { std::ofstream(path) << text; }

TEST(Prepare, GivesACorpusThatPretrainingReads) {
  const Outcome& outcome = PreparedData::instance().outcome();
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(std::filesystem::exists(PreparedData::instance().path() / "train.corpus"));
}

TEST(PrepareErrors, MissingEmptyAndInvalidText) {
  const TemporaryFolder folder;
  const std::string out = (folder / "out").string();
  expect_error(prepare({(folder / "no.txt").string(), "--output", out}), 3, {"no.txt"});
  write(folder / "empty.txt", "");
  expect_error(prepare({(folder / "empty.txt").string(), "--output", out}), 3, {"empty"});
  write(folder / "bad.txt", "good line\nbad \xff line\n");
  expect_error(prepare({(folder / "bad.txt").string(), "--output", out}), 3, {"bad.txt", "byte 14"});
  EXPECT_EQ(prepare({(folder / "bad.txt").string(), "--output", out, "--vocab-size", "40", "--invalid-utf8",
                     "replace", "--valid-share", "0"})
                .code,
            0);
}

TEST(PrepareErrors, AWrongInstructionSet) {
  const TemporaryFolder folder;
  expect_error(run_program({FILIGREE_PROGRAM, "bert", "prepare", PreparedData::instance().text().string(),
                            "--output", (folder / "out").string()},
                           {"FILIGREE_ISA=nonsense"}),
               2, {"FILIGREE_ISA=nonsense"});
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
}

TEST(PrepareErrors, AVocabularyWithoutMask) {
  const TemporaryFolder folder;
  write(folder / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nword\n");
  expect_error(prepare({PreparedData::instance().text().string(), "--output", (folder / "out").string(),
                        "--vocab", (folder / "vocab.txt").string()}),
               3, {"[MASK]", "vocab.txt"});
}

TEST(PretrainErrors, OptionsThatDoNotFit) {
  const TemporaryFolder folder;
  const std::filesystem::path run = folder / "run";
  expect_error(run_program(pretrain(run, {"--hidden", "36", "--block", "8"})), 2,
               {"--hidden 36", "--block 8"});
  expect_error(run_program(pretrain(run, {"--hidden", "33"})), 2, {"--hidden 33", "--heads"});
  expect_error(run_program(pretrain(run, {"--density", "0"})), 2, {"density"});
  expect_error(run_program(pretrain(run, {"--density", "1.5"})), 2, {"density"});
  expect_error(run_program(pretrain(run, {"--block", "5"})), 2, {"--block 5", "use 1, 2, 4, 8, 16, 32, 64"});
  expect_error(run_program(pretrain(run, {"--densty", "0.1"})), 2, {"--densty", "--density"});
  expect_error(run_program(pretrain(run, {"--lr", "fast"})), 2, {"lr", "fast"});
  expect_error(run_program(pretrain(run, {"--accumulation", "9"})), 2, {"--accumulation 9"});
  expect_error(run_program(pretrain(run, {"--benchmark", "--accumulation", "9"})), 2, {"--accumulation 9"});
  expect_error(run_program(pretrain(run, {"--max-positions", "8"})), 2,
               {"--max-positions 8", "--sequence 24"});
  expect_error(run_program(pretrain(folder / std::string(300, 'r'))), 2, {"too long"});
  expect_error(run_program(pretrain(folder / std::string(300, 'r'), {"--resume"})), 2, {"too long"});
  expect_error(run_program(pretrain(run, {"--warmup", "130"})), 2, {"--warmup 130"});
  expect_error(run_program(pretrain(run, {"--density", "1"})), 2, {"--updates 4"});
  expect_error(run_program(pretrain(run), {"FILIGREE_ISA=nonsense"}), 2, {"FILIGREE_ISA=nonsense"});
  EXPECT_FALSE(std::filesystem::exists(run)) << "a wrong option must not leave a run behind";
}

TEST(PretrainErrors, DataThatIsMissingOrOfAnotherVocabulary) {
  const TemporaryFolder folder;
  const std::filesystem::path run = folder / "run";
  expect_error(run_program(pretrain(run, {"--data", (folder / "nowhere").string()})), 3, {"nowhere"});
  const std::filesystem::path data = folder / "data";
  std::filesystem::copy(PreparedData::instance().path(), data, std::filesystem::copy_options::recursive);
  write(data / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nother\n");
  expect_error(run_program(pretrain(run, {"--data", data.string()})), 3, {"another vocabulary"});
}

TEST(PretrainErrors, ACorpusOfUnknownWordsTeachesNothing) {
  const TemporaryFolder folder;
  write(folder / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nother\n");
  const std::string data = (folder / "data").string();
  const Outcome prepared = prepare({PreparedData::instance().text().string(), "--output", data, "--vocab",
                                    (folder / "vocab.txt").string(), "--valid-share", "0.2"});
  EXPECT_EQ(prepared.code, 0);
  EXPECT_TRUE(contains(prepared.err, "100 % of the tokens of train.corpus are [UNK]")) << prepared.err;
  expect_error(run_program(pretrain(folder / "run", {"--data", data})), 3, {"nothing but [UNK]"});
  EXPECT_FALSE(std::filesystem::exists(folder / "run"));
}

TEST(PretrainErrors, ARunThatExistsOrDoesNot) {
  const TemporaryFolder folder;
  const std::filesystem::path run = folder / "run";
  expect_error(run_program(pretrain(run, {"--resume"})), 2, {"--resume"});
  expect_error(run_program({FILIGREE_PROGRAM, "bert", "pretrain", "--run", run.string(), "--resume"}), 2,
               {"holds no run", "--data"});
  EXPECT_EQ(run_program(pretrain(run, {"--steps", "5"})).code, 0);
  expect_error(run_program(pretrain(run, {"--steps", "5"})), 2, {"--resume"});
  expect_error(run_program(pretrain(run, {"--resume", "--lr", "2e-3", "--steps", "5"})), 2, {"lr", "0.002"});
  const std::string other = (folder / "data").string();
  EXPECT_EQ(prepare({PreparedData::instance().text().string(), "--output", other, "--valid-share", "0"}).code,
            0);
  expect_error(run_program(pretrain(run, {"--resume", "--steps", "5", "--data", other})), 3,
               {"other data", "--data"});
}

TEST(PretrainErrors, ADamagedCheckpointIsNamedAndTheOneBeforeItServes) {
  const TemporaryFolder folder;
  const std::filesystem::path run = folder / "run";
  EXPECT_EQ(run_program(pretrain(run)).code, 0);
  const std::filesystem::path last = final_checkpoint(run);
  const std::string good = read_file(last);
  // Altered.
  std::string bytes = good;
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_file_atomically(last, bytes);
  expect_error(run_program(pretrain(run, {"--resume"})), 3,
               {"step-00000130", "--resume-from", "step-00000125"});
  // Cut.
  write_file_atomically(last, std::string_view(good).substr(0, good.size() - 100));
  expect_error(run_program(pretrain(run, {"--resume"})), 3, {"step-00000130", "step-00000125"});
  // The cure works, and comes to the same end.
  EXPECT_EQ(run_program(pretrain(run, {"--resume-from", final_checkpoint(run, 125).string()})).code, 0);
  EXPECT_TRUE(read_file(last) == good);
  EXPECT_TRUE(std::filesystem::exists(last.string() + ".set-aside"));
}

TEST(PretrainErrors, ACheckpointWithTheNameOfAnotherStepLosesNothing) {
  const TemporaryFolder folder;
  const std::filesystem::path run = folder / "run";
  const Arguments steps = {"--steps", "10"};
  EXPECT_EQ(run_program(pretrain(run, steps)).code, 0);
  const std::filesystem::path late = final_checkpoint(run, 90000000);
  std::filesystem::rename(final_checkpoint(run, 10), late);
  for (int attempt = 0; attempt < 2; ++attempt) {
    expect_error(run_program(pretrain(run, {"--steps", "10", "--resume"})), 3,
                 {"rename it to step-00000010.safetensors", "--resume-from", "step-00000005"});
  }
  EXPECT_TRUE(std::filesystem::exists(late));
}

TEST(PretrainErrors, AFullDiskKeepsTheLastGoodCheckpoint) {
  const TemporaryFolder copy;
  (void)PreparedData::instance();
  const int code = run_on_small_disk(900 << 10, [&](const std::filesystem::path& disk) {
    const std::filesystem::path run = disk / "run";
    // A checkpoint takes about 250 kB, and all are to be kept: a few fit.
    const Outcome outcome = run_program(pretrain(run, {"--keep-checkpoints", "1000"}));
    if (outcome.code != 1) return 10;
    if (!contains(outcome.err, "No space left on device") ||
        !contains(outcome.err, "free some space and run the same command again with --resume"))
      return 11;
    if (!std::filesystem::exists(final_checkpoint(run, 5))) return 12;
    for (const auto& entry : std::filesystem::directory_iterator(run / "checkpoints")) {
      if (entry.path().extension() == ".partial") return 13;
    }
    // With space again the run goes on.
    std::filesystem::copy(run, copy / "run", std::filesystem::copy_options::recursive);
    return run_program(pretrain(copy / "run", {"--resume"})).code == 0 ? 0 : 14;
  });
  if (code == kCannotMount) GTEST_SKIP() << "cannot mount a small file system here";
  EXPECT_EQ(code, 0);
}

TEST(PretrainErrors, NotANumberNamesTheStepAndKeepsTheCheckpoint) {
  const TemporaryFolder folder;
  const std::filesystem::path run = folder / "run";
  // A learning rate of 10 with a weight decay of 10 turns each step's weights into about -99 times those
  // before; without clipping nothing holds the gradients.
  const Outcome outcome = run_program(pretrain(
      run, {"--lr", "10", "--lr-rule", "none", "--clip", "0", "--weight-decay", "10", "--steps", "130"}));
  expect_error(outcome, 1, {" at step ", "the last checkpoint is kept: ", "--lr"});
  EXPECT_TRUE(std::filesystem::exists(final_checkpoint(run, 5)));
}

// Weights that grow a hundredfold a step until a forward pass overflows.
Arguments exploding(const std::filesystem::path& run, int steps, const Arguments& more) {
  Arguments all = {"--lr",           "10",  "--lr-rule", "none", "--clip",  "0",
                   "--weight-decay", "10",  "--updates", "0",    "--steps", std::to_string(steps),
                   "--valid-every",  "1000"};
  all.insert(all.end(), more.begin(), more.end());
  return pretrain(run, all);
}

TEST(PretrainErrors, BrokenWeightsNeverPushOutAGoodCheckpoint) {
  const TemporaryFolder folder;
  const std::filesystem::path run = folder / "run";
  expect_error(run_program(exploding(run, 40, {"--checkpoint-every", "1", "--keep-checkpoints", "1"})), 1,
               {" at step ", "the last checkpoint is kept: "});
  // The one that is left predicts something.
  const Outcome filled = run_program({FILIGREE_PROGRAM, "bert", "fill", "--run", run.string(), "a [MASK]"});
  EXPECT_EQ(filled.code, 0) << filled.err;
}

TEST(PretrainErrors, ALastUpdateThatBreaksTheModelFailsTheRun) {
  const TemporaryFolder folder;
  for (int steps = 5; steps <= 40; ++steps) {
    const std::filesystem::path run = folder / std::to_string(steps);
    const Outcome outcome = run_program(exploding(run, steps, {"--checkpoint-every", "1000"}));
    if (outcome.code != 0) {
      expect_error(outcome, 1, {"loss is ", " at step "});
      EXPECT_FALSE(std::filesystem::exists(final_checkpoint(run, steps)));
      return;
    }
    ASSERT_TRUE(contains(outcome.out, "held-out loss    ")) << outcome.out;
    ASSERT_FALSE(contains(outcome.out, "nan ")) << outcome.out;
  }
  FAIL() << "no run broke";
}

TEST(PretrainErrors, ResumeFromTakesOnlyTheRunsOwnCheckpoints) {
  const TemporaryFolder folder;
  const std::filesystem::path run = folder / "run";
  EXPECT_EQ(run_program(pretrain(run, {"--steps", "10"})).code, 0);
  std::filesystem::copy(final_checkpoint(run, 5), folder / "copy.safetensors");
  const std::string copy = (folder / "copy.safetensors").string();
  expect_error(run_program(pretrain(run, {"--steps", "10", "--resume-from", copy})), 2,
               {"--resume-from", copy});
  EXPECT_TRUE(std::filesystem::exists(final_checkpoint(run, 10)));
}

TEST(PretrainErrors, TwoAtOnceDoNotShareARun) {
  const TemporaryFolder folder;
  const std::filesystem::path run = folder / "run";
  ChildProcess first = start_program(pretrain(run, {"--steps", "100000"}));
  for (int i = 0; i < 300 && !std::filesystem::exists(run / "metrics.jsonl"); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  ASSERT_TRUE(std::filesystem::exists(run / "metrics.jsonl"));
  expect_error(run_program(pretrain(run, {"--resume", "--steps", "100000"})), 2, {run.string(), "is using"});
}

TEST(FillErrors, NoRunNoMask) {
  const TemporaryFolder folder;
  const std::filesystem::path run = folder / "run";
  expect_error(run_program({FILIGREE_PROGRAM, "bert", "fill", "--run", run.string(), "a [MASK]"}), 3,
               {"checkpoint"});
  EXPECT_EQ(run_program(pretrain(run, {"--steps", "5"})).code, 0);
  expect_error(run_program({FILIGREE_PROGRAM, "bert", "fill", "--run", run.string(), "no mask here"}), 3,
               {"[MASK]"});
  const Outcome outcome = run_program(
      {FILIGREE_PROGRAM, "bert", "fill", "--run", run.string(), "--top", "2", "word1 [MASK] word3"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(contains(outcome.out, "[MASK]: ")) << outcome.out;
}

TEST(FillErrors, TextThatIsNotUtf8) {
  const TemporaryFolder folder;
  const std::filesystem::path run = folder / "run";
  EXPECT_EQ(run_program(pretrain(run, {"--steps", "5"})).code, 0);
  for (const char* form : {"--json", "--no-json"}) {
    const Outcome outcome = run_program({FILIGREE_PROGRAM, "bert", "fill", "--run", run.string(), form,
                                         "word1 [MASK]", "word1 \xff a [MASK]"});
    expect_error(outcome, 2, {"text 2 is not UTF-8", "byte 6 is 0xFF"});
    EXPECT_EQ(outcome.out, "") << "no text may be answered before";
  }
}

TEST(Benchmark, EndsWithOneLineOfJson) {
  const Outcome outcome = run_program({FILIGREE_PROGRAM,
                                       "bert",
                                       "pretrain",
                                       "--benchmark",
                                       "--json",
                                       "--layers",
                                       "1",
                                       "--hidden",
                                       "64",
                                       "--sequence",
                                       "16",
                                       "--batch",
                                       "2",
                                       "--density",
                                       "0.1",
                                       "--block",
                                       "16",
                                       "--vocabulary",
                                       "100",
                                       "--predictions",
                                       "2",
                                       "--pairs",
                                       "2"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const nlohmann::json line = nlohmann::json::parse(outcome.out);
  for (const char* key : {"sparse_step_seconds", "dense_step_seconds", "ratio", "flops_ratio",
                          "sparse_step_flops", "dense_step_flops"}) {
    EXPECT_GT(line.at(key).get<double>(), 0) << key;
  }
}

}  // namespace
}  // namespace filigree::test
