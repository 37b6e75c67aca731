// Reads layers.txt and the #include lines of a source tree, and names every include that the layers
// do not allow.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace filigree::architecture {

struct Module {
  std::set<std::string> may_include;  // as listed; closed_layers() adds what those may include
  bool torch = false;
};

using Layers = std::map<std::string, Module, std::less<>>;

// Lines of "module: module... [+torch]"; # starts a comment.
// Errors (bad data): a line without a colon, a module listed twice, an unlisted one on the right.
Layers parse_layers(std::string_view text);

// The same with each module's `may_include` closed under transitivity.
// Errors (bad data): a cycle, with its modules.
Layers closed_layers(const Layers& layers);

// One line for each fault of the tree `root` (which holds a folder for each module): an include that
// no arrow allows, LibTorch outside the modules marked +torch, a folder that layers.txt does not list.
std::vector<std::string> layer_faults(const Layers& layers, const std::filesystem::path& root);

}  // namespace filigree::architecture
