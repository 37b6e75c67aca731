#include "filigree/run/checkpoint.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "filigree/base/error.h"
#include "filigree/base/json.h"

namespace filigree::run {
namespace {

constexpr std::string_view kFormatKey = "filigree.format";
constexpr std::string_view kFormat = "1";
constexpr std::string_view kKindKey = "filigree.kind";
constexpr std::string_view kStepKey = "filigree.step";
constexpr std::string_view kStateKey = "filigree.state";

constexpr std::string_view kPrefix = "step-";
constexpr std::string_view kSuffix = ".safetensors";

// The step in a checkpoint's name; nothing for other files, half-written ones among them.
std::optional<std::int64_t> step_of(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix) ||
      name.size() <= kPrefix.size() + kSuffix.size()) {
    return std::nullopt;
  }
  std::int64_t step = 0;
  const char* end = name.data() + name.size() - kSuffix.size();
  const auto [stop, error] = std::from_chars(name.data() + kPrefix.size(), end, step);
  if (error != std::errc() || stop != end || step < 0) return std::nullopt;
  return step;
}

// JSON would turn these into null in silence.
void check_finite(const nlohmann::json& json) {
  if (json.is_number_float() && !std::isfinite(json.get<double>())) {
    fail("the state of a checkpoint holds a number that is not finite");
  }
  if (json.is_structured()) {
    for (const nlohmann::json& element : json) check_finite(element);
  }
}

std::string text_of(const SafetensorsFile& file, std::string_view key) {
  const auto found = file.metadata().find(std::string(key));
  if (found == file.metadata().end())
    fail_data("{}: it is no checkpoint: it has no {}", file.path().string(), key);
  return found->second;
}

std::int64_t step_in(const SafetensorsFile& file) {
  const std::string text = text_of(file, kStepKey);
  std::int64_t step = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), step);
  if (error != std::errc() || stop != text.data() + text.size() || step < 0) {
    fail_data("{}: its {} is malformed", file.path().string(), kStepKey);
  }
  return step;
}

SafetensorsFile open_sound(const std::filesystem::path& path, std::string_view kind) {
  SafetensorsFile file(path);
  const std::string format = text_of(file, kFormatKey);
  if (format != kFormat) {
    fail_data("{}: it is a checkpoint of format {}; this build reads format {}", path.string(), format,
              kFormat);
  }
  const std::string its_kind = text_of(file, kKindKey);
  if (its_kind != kind)
    fail_data("{}: it is a checkpoint of '{}', not of '{}'", path.string(), its_kind, kind);
  file.verify();
  // Names give the order: under a wrong one the newest checkpoint is another, and pruning and setting aside
  // take the wrong ones away.
  const std::int64_t step = step_in(file);
  if (const auto named = step_of(path); named && *named != step) {
    fail_data("{}: it is the checkpoint of step {}; rename it to {}", path.string(), step,
              checkpoint_path({}, step).string());
  }
  return file;
}

// The newest other checkpoint that can be read, as the end of an error message; `option` would take it.
std::string advice(const std::filesystem::path& damaged, std::string_view kind, std::string_view option) {
  std::vector<std::filesystem::path> others = list_checkpoints(damaged.parent_path());
  std::reverse(others.begin(), others.end());
  for (const std::filesystem::path& other : others) {
    if (other.filename() == damaged.filename()) continue;
    try {
      (void)open_sound(other, kind);
      if (option.empty()) return fmt::format("; {} is sound", other.string());
      return fmt::format("; {} is sound: {} {}", other.filename().string(), option, other.string());
    } catch (const Error&) {
      continue;  // damaged too
    }
  }
  return "; there is no other sound checkpoint beside it";
}

SafetensorsFile open_or_advise(const std::filesystem::path& path, std::string_view kind,
                               std::string_view option) {
  try {
    return open_sound(path, kind);
  } catch (const Error& error) {
    fail_data("{}{}", error.what(), advice(path, kind, option));
  }
}

// Renames a file, unless the new name is taken (then false): in one step, so that no other process can take
// it in between.
bool rename_to_free(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  // Some file systems (NFS) know no such rename, but links.
  if ((errno == EINVAL || errno == ENOSYS) && ::link(from.c_str(), to.c_str()) == 0) {
    if (::unlink(from.c_str()) == 0) return true;
  }
  if (errno == EEXIST) return false;
  fail("cannot rename {}: {}", from.string(), errno_text(errno));
}

// The second of a name ends in ".2".
void set_aside(const std::filesystem::path& path) {
  for (int number = 1;; ++number) {
    std::filesystem::path aside = path;
    aside += kSetAside;
    if (number > 1) aside += fmt::format(".{}", number);
    if (rename_to_free(path, aside)) return;
  }
}

}  // namespace

std::filesystem::path checkpoint_path(const std::filesystem::path& folder, std::int64_t step) {
  return folder / fmt::format("{}{:08}{}", kPrefix, step, kSuffix);
}

std::filesystem::path write_checkpoint(const std::filesystem::path& folder, std::string_view kind,
                                       std::int64_t step, std::span<const TensorEntry> tensors,
                                       const nlohmann::json& state) {
  if (step < 0 || !state.is_object())
    throw std::invalid_argument("a checkpoint has a step and an object as its state");
  check_finite(state);
  std::filesystem::path path = checkpoint_path(folder, step);
  write_safetensors(path, tensors,
                    {{std::string(kFormatKey), std::string(kFormat)},
                     {std::string(kKindKey), std::string(kind)},
                     {std::string(kStepKey), fmt::format("{}", step)},
                     {std::string(kStateKey), state.dump()}});
  return path;
}

Checkpoint::Checkpoint(const std::filesystem::path& path, std::string_view kind, std::string_view option)
    : file_(open_or_advise(path, kind, option)) {
  step_ = step_in(file_);
  // The checksum holds, so this fails only for files that were made to fail.
  state_ = parse_json(text_of(file_, kStateKey));
  if (!state_.is_object()) fail_data("{}: its {} is malformed", path.string(), kStateKey);
}

std::vector<std::filesystem::path> list_checkpoints(const std::filesystem::path& folder) {
  std::vector<std::pair<std::int64_t, std::filesystem::path>> found;
  std::error_code error;
  const std::filesystem::path where = folder.empty() ? std::filesystem::path(".") : folder;
  for (const auto& entry : std::filesystem::directory_iterator(where, error)) {
    if (const auto step = step_of(entry.path())) found.emplace_back(*step, folder / entry.path().filename());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    fail("cannot list {}: {}", folder.string(), error.message());
  }
  std::sort(found.begin(), found.end());
  std::vector<std::filesystem::path> paths;
  paths.reserve(found.size());
  for (auto& [step, path] : found) paths.push_back(std::move(path));
  return paths;
}

std::optional<std::filesystem::path> latest_checkpoint(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths = list_checkpoints(folder);
  if (paths.empty()) return std::nullopt;
  return paths.back();
}

void prune_checkpoints(const std::filesystem::path& folder, int keep) {
  if (keep < 1) throw std::invalid_argument("at least one checkpoint is kept");
  std::vector<std::filesystem::path> paths = list_checkpoints(folder);
  for (std::size_t i = 0; i + static_cast<std::size_t>(keep) < paths.size(); ++i) {
    std::error_code error;
    std::filesystem::remove(paths[i], error);
    if (error) fail("cannot remove {}: {}", paths[i].string(), error.message());
  }
}

int set_aside_checkpoints_after(const std::filesystem::path& folder, std::int64_t step) {
  std::vector<std::filesystem::path> paths = list_checkpoints(folder);
  int count = 0;
  // The newest first: a kill in between leaves no gap.
  for (auto path = paths.rbegin(); path != paths.rend() && step_of(*path) > step; ++path, ++count) {
    set_aside(*path);
  }
  return count;
}

}  // namespace filigree::run
