// A progress bar with rate and time left on a terminal; a plain line now and then elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace filigree {

// Writes to stderr. Not thread-safe: one thread reports.
class Progress {
 public:
  // `total` 0 means unknown. `unit` is a plural noun: "steps", "MB".
  Progress(std::string title, std::uint64_t total, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Sets the absolute position; `note` (such as "loss 5.31") is shown behind it.
  void update(std::uint64_t done, std::string_view note = {});
  // Ends the bar's line; called by the destructor too.
  void finish();

 private:
  std::string line(std::uint64_t done, std::string_view note) const;

  std::string title_;
  std::uint64_t total_;
  std::string unit_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_shown_;
  std::uint64_t first_ = 0;
  bool started_ = false;
  bool terminal_;
};

// Ends the line of a bar that stands on the terminal, so that a message gets a line of its own; the bar goes
// on below it.
void end_progress_line();

// "3 min 20 s", "45 s", "2 h 5 min".
std::string format_duration(double seconds);

}  // namespace filigree
