// A prepared corpus and the options of a run that takes seconds.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "filigree/base/file.h"
#include "filigree/base/philox.h"
#include "filigree/base/test_support.h"
#include "support/run_program.h"

namespace filigree::test {

using Arguments = std::vector<std::string>;

// Text in which words follow one another with some regularity: 6 documents of 40 paragraphs.
inline void write_text(const std::filesystem::path& path) {
  std::ofstream out(path);
  Philox random(1, Purpose::kTest, 0);
  for (int document = 0; document < 6; ++document) {
    for (int paragraph = 0; paragraph < 40; ++paragraph) {
      std::uint64_t word = random.below(50);
      for (int i = 0; i < 14; ++i) {
        out << "word" << word << (i == 13 ? ".\n" : " ");
        word = (word * 7 + random.below(3)) % 50;
      }
    }
    out << "\n";
  }
}

inline std::string metrics_of(const std::filesystem::path& run) { return read_file(run / "metrics.jsonl"); }

// The folder `data` of a prepared corpus, made once a program.
class PreparedData {
 public:
  PreparedData() {
    write_text(folder_ / "text.txt");
    outcome_ = run_program({FILIGREE_PROGRAM, "bert", "prepare", (folder_ / "text.txt").string(), "--output",
                            path().string(), "--vocab-size", "200", "--valid-share", "0.2"});
  }
  const Outcome& outcome() const { return outcome_; }
  std::filesystem::path path() const { return folder_ / "data"; }
  std::filesystem::path text() const { return folder_ / "text.txt"; }

  static const PreparedData& instance() {
    static const PreparedData data;
    return data;
  }

 private:
  TemporaryFolder folder_;
  Outcome outcome_;
};

// `bert pretrain` on that corpus: a sparse model with moving patterns and accumulation.
inline Arguments pretrain(const std::filesystem::path& run, const Arguments& more = {}) {
  Arguments all = {FILIGREE_PROGRAM,
                   "bert",
                   "pretrain",
                   "--data",
                   PreparedData::instance().path().string(),
                   "--run",
                   run.string(),
                   "--layers",
                   "2",
                   "--hidden",
                   "32",
                   "--heads",
                   "2",
                   "--block",
                   "4",
                   "--density",
                   "0.3",
                   "--updates",
                   "4",
                   "--sequence",
                   "24",
                   "--batch",
                   "8",
                   "--steps",
                   "130",
                   "--accumulation",
                   "2",
                   "--lr",
                   "1e-3",
                   "--checkpoint-every",
                   "5",
                   "--valid-every",
                   "20",
                   "--log-every",
                   "5",
                   "--threads",
                   "1"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

inline std::filesystem::path final_checkpoint(const std::filesystem::path& run, int step = 130) {
  return run / "checkpoints" / fmt::format("step-{:08}.safetensors", step);
}

}  // namespace filigree::test
