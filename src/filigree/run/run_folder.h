// The folder of a run: config.toml, metrics.jsonl, checkpoints/, log.txt, report.html. One process owns it at
// a time.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "filigree/base/descriptor.h"
#include "filigree/base/log.h"
#include "filigree/run/metrics.h"

namespace filigree::run {

class RunFolder {
 public:
  // Creates `folder` for a new run, or opens that of an earlier one where `resume` is set; takes its lock,
  // removes files that a crash left half written, and copies later log messages to log.txt.
  // Errors (usage): the folder holds a run and `resume` is not set; it holds none and `resume` is set;
  // another process uses it; its name is too long.
  RunFolder(std::filesystem::path folder, bool resume);
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  // True where `folder` holds a run (finished or not).
  static bool holds_run(const std::filesystem::path& folder);
  static std::filesystem::path config_path(const std::filesystem::path& folder) {
    return folder / "config.toml";
  }

  const std::filesystem::path& path() const { return folder_; }
  std::filesystem::path config() const { return config_path(folder_); }
  std::filesystem::path checkpoints() const { return folder_ / "checkpoints"; }
  std::filesystem::path report() const { return folder_ / "report.html"; }
  std::filesystem::path metrics_file() const { return folder_ / "metrics.jsonl"; }

  // Writes config.toml (Options::to_toml()) atomically. Call it first: it is what makes the folder a run.
  void write_config(std::string_view toml) const;
  Metrics& metrics() { return *metrics_; }

 private:
  std::filesystem::path folder_;
  Descriptor lock_;
  std::unique_ptr<LogFile> log_file_;
  std::unique_ptr<Metrics> metrics_;
};

}  // namespace filigree::run
