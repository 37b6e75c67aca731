// Help for people at a terminal, and tables for documentation.
#include <fmt/format.h>

#include <algorithm>

#include "filigree/run/options.h"

namespace filigree::run {
namespace {

constexpr std::size_t kLineWidth = 100;
constexpr std::size_t kLeftColumn = 30;

// "  --flag VALUE     text", the text wrapped at words in its own column.
std::string entry(const std::string& left, const std::string& text) {
  std::string out = "  " + left;
  std::size_t column = out.size();
  if (column + 2 > kLeftColumn) {
    out += '\n';
    column = 0;
  }
  std::size_t begin = 0;
  bool at_start = true;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find_first_of(" \n", begin), text.size());
    const std::size_t length = end - begin;
    if (!at_start && column + 1 + length > kLineWidth) {
      out += '\n';
      column = 0;
      at_start = true;
    }
    const std::size_t spaces = at_start ? kLeftColumn - column : 1;
    out.append(spaces, ' ');
    out.append(text, begin, length);
    column += spaces + length;
    at_start = false;
    begin = end + 1;
  }
  return out + "\n";
}

std::string flag_of(const Option& option) {
  if (option.is_flag()) return fmt::format("--[no-]{}", option.name());
  return fmt::format("--{} {}{}", option.name(), option.metavar(), option.is_list() ? " ..." : "");
}

std::string default_of(const Option& option) {
  if (option.is_required()) return "required";
  const std::string& value = option.default_toml();
  if (value == "\"\"" || value == "[]") return "none";
  // A text without its quotes, as it is typed.
  return value.front() == '"' ? value.substr(1, value.size() - 2) : value;
}

std::string escape_cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

bool has_visible(const std::vector<Option*>& options) {
  for (const Option* option : options) {
    if (!option->is_hidden()) return true;
  }
  return false;
}

}  // namespace

std::string Options::help() const {
  std::string out =
      fmt::format("filigree {}: {}\n\nusage: filigree {} [options]", command_, summary_, command_);
  if (positional_) {
    const std::string word = positional_->name + "...";
    out += positional_->required ? fmt::format(" {}\n\n", word) : fmt::format(" [{}]\n\n", word);
    out += entry(positional_->name, positional_->help);
  } else {
    out += '\n';
  }
  for (const Section& section : sections_) {
    if (!has_visible(section.options)) continue;
    out += fmt::format("\n{}:\n", section.title);
    for (const Option* option : section.options) {
      if (option->is_hidden()) continue;
      const std::string limits = option->has_limits() ? option->allowed() + "; " : "";
      const std::string value = (option->is_required() ? "" : "default: ") + default_of(*option);
      out += entry(flag_of(*option), fmt::format("{} ({}{})", option->help(), limits, value));
    }
  }
  out += "\nEvery command:\n";
  out += entry("--config FILE.toml", "read options from a file, each under its section and name");
  out += entry("--set KEY=VALUE", "set an option by its key in such a file (section.name)");
  out += entry("-h, --help", "show this text");
  out += "\nDefaults < file < environment (FILIGREE_NAME for --name) < flags: the stronger one counts.\n";
  return out;
}

std::string Options::markdown() const {
  std::string out;
  for (const Section& section : sections_) {
    if (!has_visible(section.options)) continue;
    out += fmt::format("{}### {}\n\n| flag | key | value | default | what it does |\n|---|---|---|---|---|\n",
                       out.empty() ? "" : "\n", section.title);
    for (const Option* option : section.options) {
      if (option->is_hidden()) continue;
      const std::string flag = option->is_flag() ? "--[no-]" + option->name() : "--" + option->name();
      out +=
          fmt::format("| `{}` | `{}` | {} | {} | {} |\n", flag, option->key(), escape_cell(option->allowed()),
                      escape_cell(default_of(*option)), escape_cell(option->help()));
    }
  }
  return out;
}

}  // namespace filigree::run
