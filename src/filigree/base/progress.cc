#include "filigree/base/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdio>

namespace filigree {
namespace {

constexpr std::chrono::milliseconds kTerminalInterval{200};
constexpr std::chrono::seconds kPlainInterval{10};

double seconds_between(std::chrono::steady_clock::time_point a, std::chrono::steady_clock::time_point b) {
  return std::chrono::duration<double>(b - a).count();
}

// A bar stands on the terminal's current line.
std::atomic<bool> g_open_line{false};

}  // namespace

std::string format_duration(double seconds) {
  const auto s = std::llround(seconds);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
}

Progress::Progress(std::string title, std::uint64_t total, std::string unit)
    : title_(std::move(title)),
      total_(total),
      unit_(std::move(unit)),
      start_(std::chrono::steady_clock::now()),
      last_shown_(start_),
      terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { finish(); }

void Progress::update(std::uint64_t done, std::string_view note) {
  const auto now = std::chrono::steady_clock::now();
  if (!started_) {
    started_ = true;
    start_ = now;
    first_ = done;
    if (!terminal_) return;
  }
  const bool last = total_ != 0 && done >= total_;
  const auto interval = terminal_ ? std::chrono::milliseconds(kTerminalInterval) : kPlainInterval;
  if (!last && now - last_shown_ < interval) return;
  last_shown_ = now;
  const std::string text = line(done, note);
  if (terminal_) {
    std::fprintf(stderr, "\r\033[K%s", text.c_str());
    g_open_line = true;
  } else {
    std::fprintf(stderr, "%s\n", text.c_str());
  }
  std::fflush(stderr);
}

void Progress::finish() { end_progress_line(); }

void end_progress_line() {
  if (g_open_line.exchange(false)) std::fputc('\n', stderr);
}

std::string Progress::line(std::uint64_t done, std::string_view note) const {
  const double elapsed = seconds_between(start_, std::chrono::steady_clock::now());
  const double rate = elapsed > 0 ? static_cast<double>(done - first_) / elapsed : 0;
  std::string text = total_ != 0
                         ? fmt::format("{} {}/{} {} ({:.0f} %)", title_, done, total_, unit_,
                                       100.0 * static_cast<double>(done) / static_cast<double>(total_))
                         : fmt::format("{} {} {}", title_, done, unit_);
  if (rate > 0) {
    text += fmt::format(", {:.1f} {}/s", rate, unit_);
    if (total_ > done)
      text += fmt::format(", {} left", format_duration(static_cast<double>(total_ - done) / rate));
  }
  if (!note.empty()) text += fmt::format(", {}", note);
  return text;
}

}  // namespace filigree
