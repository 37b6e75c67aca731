#include "architecture/layers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <sstream>

#include "filigree/base/error.h"
#include "filigree/base/file.h"

namespace filigree::architecture {
namespace {

constexpr std::string_view kOurs = "filigree/";
constexpr std::string_view kTorchHeader = "filigree/nn/torch.h";
constexpr std::string_view kTorchFolders[] = {"torch/", "ATen/", "c10/", "caffe2/"};

// What an #include line names, without its quotes or brackets.
std::optional<std::string_view> included_header(std::string_view line) {
  const auto skip_blanks = [&] { line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size())); };
  skip_blanks();
  if (!line.starts_with('#')) return std::nullopt;
  line.remove_prefix(1);
  skip_blanks();
  constexpr std::string_view kInclude = "include";
  if (!line.starts_with(kInclude)) return std::nullopt;
  line.remove_prefix(kInclude.size());
  skip_blanks();
  if (line.empty() || (line[0] != '"' && line[0] != '<')) return std::nullopt;
  const std::size_t end = line.find(line[0] == '"' ? '"' : '>', 1);
  if (end == std::string_view::npos) return std::nullopt;
  return line.substr(1, end - 1);
}

bool is_torch(std::string_view header) {
  return header == kTorchHeader || std::any_of(std::begin(kTorchFolders), std::end(kTorchFolders),
                                               [&](std::string_view f) { return header.starts_with(f); });
}

bool is_source(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".h" || extension == ".cc" || extension == ".in";
}

// Adds to `closed` all that `name` reaches. `path` holds the modules on the way, to name a cycle.
void close_over(const Layers& layers, const std::string& name, std::vector<std::string>& path,
                Layers& closed) {
  if (std::find(path.begin(), path.end(), name) != path.end()) {
    path.push_back(name);
    fail_data("layers.txt has a cycle: {}", fmt::join(path, " -> "));
  }
  if (closed.contains(name)) return;
  path.push_back(name);
  Module module = layers.at(name);
  for (const std::string& direct : layers.at(name).may_include) {
    close_over(layers, direct, path, closed);
    const std::set<std::string>& below = closed.at(direct).may_include;
    module.may_include.insert(below.begin(), below.end());
  }
  path.pop_back();
  closed.emplace(name, std::move(module));
}

// Why a file of `module` may not include `header`; empty where it may.
std::string objection(const Layers& closed, const std::string& name, std::string_view header) {
  const Module& module = closed.at(name);
  if (is_torch(header) && !module.torch) return "LibTorch is for the modules marked +torch alone";
  if (!header.starts_with(kOurs)) return {};
  const std::string_view inside = header.substr(kOurs.size());
  const std::string other(inside.substr(0, inside.find('/')));
  if (other == name || module.may_include.contains(other)) return {};
  if (!closed.contains(other)) return fmt::format("there is no module {}", other);
  return fmt::format("layers.txt has no arrow from {} to {}", name, other);
}

}  // namespace

Layers parse_layers(std::string_view text) {
  Layers layers;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    line.resize(std::min(line.find('#'), line.size()));
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) fail_data("layers.txt: no colon in '{}'", line);
    Module module;
    std::istringstream words(line.substr(colon + 1));
    for (std::string word; words >> word;) {
      if (word == "+torch") {
        module.torch = true;
      } else {
        module.may_include.insert(word);
      }
    }
    const std::string name = line.substr(0, colon);
    if (!layers.emplace(name, module).second) fail_data("layers.txt lists {} twice", name);
  }
  for (const auto& [name, module] : layers) {
    for (const std::string& other : module.may_include) {
      if (!layers.contains(other)) fail_data("layers.txt: {} names {}, which is not listed", name, other);
    }
  }
  return layers;
}

Layers closed_layers(const Layers& layers) {
  Layers closed;
  for (const auto& [name, module] : layers) {
    std::vector<std::string> path;
    close_over(layers, name, path, closed);
  }
  return closed;
}

std::vector<std::string> layer_faults(const Layers& layers, const std::filesystem::path& root) {
  const Layers closed = closed_layers(layers);
  std::vector<std::string> faults;
  for (const auto& folder : std::filesystem::directory_iterator(root)) {
    if (!folder.is_directory()) continue;
    const std::string name = folder.path().filename().string();
    if (!closed.contains(name)) {
      faults.push_back(fmt::format("{}/: layers.txt does not list this folder", name));
      continue;
    }
    for (const auto& file : std::filesystem::recursive_directory_iterator(folder.path())) {
      if (!file.is_regular_file() || !is_source(file.path())) continue;
      std::istringstream lines(read_file(file.path()));
      int number = 0;
      for (std::string line; std::getline(lines, line);) {
        ++number;
        const auto header = included_header(line);
        const std::string why = header ? objection(closed, name, *header) : std::string();
        if (why.empty()) continue;
        faults.push_back(fmt::format("{}:{}: includes {}, but {}",
                                     file.path().lexically_relative(root).string(), number, *header, why));
      }
    }
  }
  std::sort(faults.begin(), faults.end());
  return faults;
}

}  // namespace filigree::architecture
