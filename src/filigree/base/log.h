// Talk for people, on stderr (and in a run's log.txt). Results never go here.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace filigree {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

void log_message(LogLevel level, std::string_view text);
// Messages below `level` are dropped; kInfo at the start.
void set_log_level(LogLevel level);
// Copies all later messages, with the time of day, to the end of `path`.
// Errors: the file cannot be opened.
void add_log_file(const std::filesystem::path& path);

template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace filigree
