// Metrics of a run as JSON lines. The first line is {"format":"filigree-metrics","version":1}; each other one
// is
// {"step":20,"split":"train","loss":5.31,...}. A value that JSON cannot hold is the string "NaN", "Infinity"
// or "-Infinity", which Python's float() and JavaScript's Number() read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "filigree/base/descriptor.h"

namespace filigree::run {

using MetricValues = std::vector<std::pair<std::string, double>>;

struct MetricRecord {
  std::int64_t step = 0;
  std::string split;
  MetricValues values;  // in the order of the file

  // The value called `name`, or NaN.
  double value(std::string_view name) const;
};

// Appends to a file. Each line is handed to the system at once: a killed program loses at most the line it
// was writing, which readers and the next writer drop.
class Metrics {
 public:
  // Goes on after the last whole line of an existing file. Errors: the file cannot be opened, or (bad data)
  // it is no metrics file.
  explicit Metrics(std::filesystem::path path);
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // metrics.write(20, "train", {{"loss", 5.3}, {"seconds", 0.2}}). Errors: the line cannot be written (a full
  // disk); std::invalid_argument for a value named "step" or "split".
  void write(std::int64_t step, std::string_view split, const MetricValues& values);

  // Forgets the records after `step`, atomically: a run resumed from a checkpoint at `step` writes them
  // again.
  void truncate_after(std::int64_t step);

 private:
  void open();

  std::filesystem::path path_;
  Descriptor file_;
};

// All records in order; a torn last line is dropped. Errors (bad data): the file is missing, or a line is
// malformed.
std::vector<MetricRecord> read_metrics(const std::filesystem::path& path);

}  // namespace filigree::run
