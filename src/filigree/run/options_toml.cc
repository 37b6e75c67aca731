// Options from TOML files and to them.
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cstddef>
#include <optional>

#include "filigree/base/error.h"
#include "filigree/base/file.h"
#include "filigree/run/options.h"

namespace filigree::run {
namespace {

// The version of the files that to_toml() writes. A file without the key is read as this version.
constexpr const char* kVersionKey = "config-version";
constexpr std::int64_t kVersion = 1;

std::optional<std::string> to_text(const toml::node& node) {
  if (const auto* value = node.as_string()) return value->get();
  if (const auto* value = node.as_boolean()) return fmt::format("{}", value->get());
  if (const auto* value = node.as_integer()) return fmt::format("{}", value->get());
  if (const auto* value = node.as_floating_point()) return fmt::format("{}", value->get());
  return std::nullopt;
}

// The node as texts where its type is the option's: a quoted number is no number.
std::optional<Option::Texts> to_texts(const toml::node& node, const Option& option) {
  if (option.is_list()) {
    const toml::array* array = node.as_array();
    if (array == nullptr) return std::nullopt;
    Option::Texts texts;
    for (const toml::node& element : *array) {
      if (!element.is_string()) return std::nullopt;
      texts.push_back(*to_text(element));
    }
    return texts;
  }
  if (node.is_boolean() != option.is_flag() || node.is_string() != option.is_text()) return std::nullopt;
  if (node.is_floating_point() && option.is_integer()) return std::nullopt;
  const auto text = to_text(node);
  return text ? std::optional<Option::Texts>({*text}) : std::nullopt;
}

std::string shown(const toml::node& node) {
  const auto text = to_text(node);
  if (!text) return node.is_array() ? "a list" : node.is_table() ? "a table" : "a date or time";
  return node.is_string() ? fmt::format("\"{}\"", *text) : *text;
}

// Parts of a dotted key: two where a section has one, and far fewer than the stack bears.
constexpr int kMostKeyParts = 16;

// The place behind the quotes that open at `at`. Quotes in one line end with it: toml++ reports that they are
// open.
std::size_t end_of_quotes(std::string_view text, std::size_t at) {
  const char quote = text[at];
  const bool many_lines = text.substr(at).starts_with(std::string(3, quote));
  const std::string_view closing = text.substr(at, many_lines ? 3 : 1);
  for (at += closing.size(); at < text.size(); ++at) {
    if (text.substr(at).starts_with(closing)) {
      at += closing.size();
      // Up to two more belong to the text: """He said "no"""".
      while (many_lines && at < text.size() && text[at] == quote) ++at;
      return at;
    }
    if (!many_lines && text[at] == '\n') return at;
    if (quote == '"' && text[at] == '\\') ++at;
  }
  return text.size();
}

// The line of the first key with more parts; 0 where there is none. toml++ limits how often values nest, but
// not keys, and frees tables inside each other by recursion. What stands between two of the characters at
// which a key may begin is one key, or a value, which has one dot at most.
std::ptrdiff_t line_of_longer_key(std::string_view text) {
  int parts = 1;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"' || c == '\'') {
      at = end_of_quotes(text, at);
      continue;
    }
    if (c == '#') {
      at = std::min(text.find('\n', at), text.size());
      continue;
    }
    if (std::string_view("\n=,[]{}").find(c) != std::string_view::npos) parts = 1;
    if (c == '.' && ++parts > kMostKeyParts)
      return 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    ++at;
  }
  return 0;
}

toml::table parse_toml(const std::filesystem::path& path) {
  std::string text;
  try {
    text = read_file(path);
  } catch (const Error& error) {
    fail_usage("{}", error.what());
  }
  if (const auto line = line_of_longer_key(text); line > 0) {
    fail_usage("{}:{}: a key has more than {} parts; no option's has", path.string(), line, kMostKeyParts);
  }
  try {
    return toml::parse(text, path.string());
  } catch (const toml::parse_error& error) {
    const auto& position = error.source().begin;
    fail_usage("{}:{}:{}: {}", path.string(), position.line, position.column, error.description());
  }
}

}  // namespace

void Options::read_toml(const std::filesystem::path& path, Origin origin) {
  toml::table root = parse_toml(path);
  if (const toml::node* version = root.get(kVersionKey)) {
    if (version->value<std::int64_t>() != kVersion) {
      fail_usage("{}:{}: {} = {}: this build reads version {}", path.string(), version->source().begin.line,
                 kVersionKey, shown(*version), kVersion);
    }
    root.erase(kVersionKey);
  }
  const auto is_section = [&](const std::string& key) {
    for (const Section& section : sections_) {
      if (section.key == key || section.key.starts_with(key + ".")) return true;
    }
    return false;
  };
  const auto read_table = [&](const auto& self, const toml::table& table, const std::string& prefix) -> void {
    for (const auto& [name, node] : table) {
      const std::string key = prefix + std::string(name.str());
      const auto line = name.source().begin.line;
      Option* option = find_key(key);
      if (option != nullptr) {
        const auto texts = to_texts(node, *option);
        if (!texts || !option->set(*texts, origin)) {
          fail_usage("{}:{}: {} = {}: the value must be {}", path.string(), line, key, shown(node),
                     option->is_list() ? "a list of texts, each " + option->allowed() : option->allowed());
        }
      } else if (node.is_table() && is_section(key)) {
        self(self, *node.as_table(), key + ".");
      } else {
        fail_usage("{}:{}: unknown key '{}'{}", path.string(), line, key, nearest_key(key));
      }
    }
  };
  read_table(read_table, root, "");
}

std::string Options::to_toml() const {
  std::string text =
      fmt::format("# filigree {}: the effective configuration.\n{} = {}\n", command_, kVersionKey, kVersion);
  for (const Section& section : sections_) {
    bool first = true;
    for (const Option* option : section.options) {
      if (option->is_transient()) continue;
      if (first)
        text += section.key.empty() ? "\n" : fmt::format("\n[{}]  # {}\n", section.key, section.title);
      first = false;
      std::string comment = option->help();
      for (std::size_t at = 0; (at = comment.find('\n', at)) != std::string::npos; at += 3)
        comment.replace(at, 1, "\n# ");
      text += fmt::format("# {}\n{} = {}\n", comment, option->name(), option->toml_value());
    }
  }
  return text;
}

}  // namespace filigree::run
