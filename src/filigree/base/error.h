// Errors carry the exit code that a program ends with. A message says what, where and the cure.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace filigree {

enum class ExitCode : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,         // wrong usage or configuration
  kBadData = 3,       // bad input data
  kMissing = 4,       // an optional component is missing
  kInterrupted = 130  // stopped by a signal, after a checkpoint
};

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, ExitCode code = ExitCode::kFailed)
      : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

// A failure of the run itself: an input/output error, a full disk, NaN in a loss.
template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...), ExitCode::kFailed);
}

// Wrong options or arguments.
template <typename... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...), ExitCode::kUsage);
}

// Input that is missing, malformed, truncated, altered or does not fit together.
template <typename... Args>
[[noreturn]] void fail_data(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...), ExitCode::kBadData);
}

// A component that this build or machine lacks.
template <typename... Args>
[[noreturn]] void fail_missing(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...), ExitCode::kMissing);
}

// Describes errno's value: "No space left on device".
std::string errno_text(int error_number);
// The same for a write that failed, with the cure where the disk is full.
std::string write_errno_text(int error_number);

}  // namespace filigree
