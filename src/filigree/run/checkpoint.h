// Checkpoints: named tensors and a JSON state in one safetensors file, step-00001234.safetensors. Its bytes
// are a function of the contents alone: two runs in the same state write the same file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "filigree/numerics/safetensors.h"

namespace filigree::run {

// <folder>/step-00001234.safetensors
std::filesystem::path checkpoint_path(const std::filesystem::path& folder, std::int64_t step);

// Writes a checkpoint into `folder` (RunFolder::checkpoints()) atomically and returns its path. `kind` names
// what the tensors are ("bert") and is checked on reading. `state` is an object; its numbers come back
// exactly. Errors: those of AtomicFile; a number in `state` that is not finite.
std::filesystem::path write_checkpoint(const std::filesystem::path& folder, std::string_view kind,
                                       std::int64_t step, std::span<const TensorEntry> tensors,
                                       const nlohmann::json& state);

// A verified checkpoint.
class Checkpoint {
 public:
  // Errors (bad data): the file is missing, truncated, altered, of another kind or version, or has the name
  // of another step; the message names the newest sound checkpoint beside it, and `option` ("--resume-from")
  // where the command has one that takes it.
  Checkpoint(const std::filesystem::path& path, std::string_view kind, std::string_view option = {});

  std::int64_t step() const { return step_; }
  const nlohmann::json& state() const { return state_; }
  const SafetensorsFile& tensors() const { return file_; }

 private:
  SafetensorsFile file_;
  std::int64_t step_ = 0;
  nlohmann::json state_;
};

// The checkpoints in `folder`, by rising step; empty where there is no such folder.
std::vector<std::filesystem::path> list_checkpoints(const std::filesystem::path& folder);
// The one with the largest step. Files are renamed into place once complete, so half-written ones are never
// among these; one damaged later is not passed over in silence but reported by Checkpoint.
std::optional<std::filesystem::path> latest_checkpoint(const std::filesystem::path& folder);
// Removes all but the `keep` newest (keep >= 1).
void prune_checkpoints(const std::filesystem::path& folder, int keep);

// Renames those behind `step` by appending kSetAside, and .2, .3... where an earlier one has that name, so
// that they are no checkpoints of the run any more but nothing is lost. Gives their number.
inline constexpr std::string_view kSetAside = ".set-aside";
int set_aside_checkpoints_after(const std::filesystem::path& folder, std::int64_t step);

}  // namespace filigree::run
