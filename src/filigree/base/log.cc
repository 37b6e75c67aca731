#include "filigree/base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/progress.h"

namespace filigree {
namespace {

spdlog::logger& logger() {
  static const auto instance = [] {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    sink->set_pattern("%v");
    return std::make_shared<spdlog::logger>("filigree", sink);
  }();
  return *instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

void log_message(LogLevel level, std::string_view text) {
  const char* prefix = level == LogLevel::kWarning ? "warning: " : level == LogLevel::kError ? "error: " : "";
  end_progress_line();
  logger().log(to_spdlog(level), "{}{}", prefix, text);
}

struct LogFile::Sink {
  spdlog::sink_ptr sink;
};

LogFile::LogFile(const std::filesystem::path& path) : sink_(std::make_unique<Sink>()) {
  try {
    sink_->sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string());
  } catch (const spdlog::spdlog_ex& error) {
    fail("cannot write the log {}: {}", path.string(), error.what());
  }
  sink_->sink->set_pattern("%Y-%m-%d %H:%M:%S %v");
  logger().sinks().push_back(sink_->sink);
  logger().flush_on(spdlog::level::info);
}

LogFile::~LogFile() { std::erase(logger().sinks(), sink_->sink); }

}  // namespace filigree
