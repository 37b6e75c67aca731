#include "filigree/run/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "filigree/base/error.h"
#include "filigree/base/file.h"
#include "filigree/base/log.h"
#include "filigree/run/checkpoint.h"

namespace filigree::run {
namespace {

void create_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail("cannot create the folder {}: {}", folder.string(), error.message());
}

// Locks <folder>/.lock for this process. The system drops the lock when the process ends, however it ends, so
// the file may stay; its content only serves the message.
Descriptor take_lock(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / ".lock";
  Descriptor lock = Descriptor::open(path, O_RDWR | O_CREAT, 0644);
  if (!lock.is_open()) fail("cannot create {}: {}", path.string(), errno_text(errno));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    const int error_number = errno;
    char holder[32] = {};
    const ssize_t count = ::read(lock.get(), holder, sizeof holder - 1);
    if (error_number != EWOULDBLOCK) {
      fail("cannot lock {}: {}; put the run on a file system that has locks", path.string(),
           errno_text(error_number));
    }
    fail_usage("another process{} is using {}: wait for it, or take another folder",
               count > 0 ? " (" + std::string(holder) + ")" : "", folder.string());
  }
  const std::string holder = fmt::format("pid {}", ::getpid());
  if (::ftruncate(lock.get(), 0) != 0 || write_all(lock, holder) != 0) {
    log_warning("cannot write {}: {}", path.string(), errno_text(errno));
  }
  return lock;
}

// A start that was killed before write_config() leaves metrics without records: there is nothing to protect.
bool has_records(const std::filesystem::path& metrics) {
  std::error_code absent;
  if (!std::filesystem::exists(metrics, absent)) return false;
  const std::string content = read_file(metrics);
  return std::count(content.begin(), content.end(), '\n') > 1;
}

// What a crash in the middle of AtomicFile left behind. To be called for the folder of a run: elsewhere such
// files may be anybody's.
void remove_partial_files(const std::filesystem::path& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".partial" || !entry.is_regular_file()) continue;
    std::error_code removal;
    std::filesystem::remove(entry.path(), removal);
    if (removal) fail("cannot remove {}: {}", entry.path().string(), removal.message());
  }
}

}  // namespace

bool RunFolder::holds_run(const std::filesystem::path& folder) {
  std::error_code absent;
  return std::filesystem::exists(config_path(folder), absent) || has_records(folder / "metrics.jsonl") ||
         latest_checkpoint(folder / "checkpoints").has_value();
}

RunFolder::RunFolder(std::filesystem::path folder, bool resume) : folder_(std::move(folder)) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(folder_, error);
  if (error == std::errc::filename_too_long) {
    fail_usage("the name of the run's folder is too long; take a shorter one than {}", folder_.string());
  }
  if (std::filesystem::exists(status) && !std::filesystem::is_directory(status)) {
    fail_usage("{} is a file, not a folder", folder_.string());
  }
  if (resume && !holds_run(folder_)) {
    fail_usage("{} holds no run: leave out --resume to start one there", folder_.string());
  }
  create_folder(checkpoints());
  lock_ = take_lock(folder_);
  // Asked under the lock: another process may have started a run since.
  if (!resume && holds_run(folder_)) {
    fail_usage("{} already holds a run: go on with it by --resume, or take another folder", folder_.string());
  }
  if (resume) {
    remove_partial_files(folder_);
    remove_partial_files(checkpoints());
  }
  log_file_ = std::make_unique<LogFile>(folder_ / "log.txt");
  metrics_ = std::make_unique<Metrics>(metrics_file());
}

void RunFolder::write_config(std::string_view toml) const { write_file_atomically(config(), toml); }

}  // namespace filigree::run
