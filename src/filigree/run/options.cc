// CLI11 would split the arguments, but it takes a text in brackets for a list ("[MASK] is a [MASK]" becomes
// "MASK] is a [MASK"), reads "nan" as a number, and loses the order in which flags and --set were
// given. What remains to be done is the loop in read_arguments().
#include "filigree/run/options.h"

#include <fmt/format.h>

#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "filigree/base/error.h"
#include "filigree/base/nearest.h"

namespace filigree::run {
namespace {

// The environment's form of a list; empty text is an empty list, which Option::set() refuses.
Option::Texts split_commas(std::string_view text) {
  Option::Texts parts;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return parts;
}

bool set_text(Option* option, const std::string& text) {
  return option->is_list() ? option->append(text, Origin::kFlag) : option->set({text}, Origin::kFlag);
}

}  // namespace

Options::Options(std::string command, std::string summary)
    : command_(std::move(command)), summary_(std::move(summary)), sections_{{"", "Options", {}}} {}

void Options::section(std::string key, std::string title) {
  for (current_section_ = 0; current_section_ < sections_.size(); ++current_section_) {
    if (sections_[current_section_].key == key) return;
  }
  if (find_key(key) != nullptr) throw std::logic_error("the section '" + key + "' is an option too");
  sections_.push_back({std::move(key), std::move(title), {}});
}

Option& Options::insert(std::string name, Option::Target target, std::string help) {
  Section& section = sections_[current_section_];
  auto option = std::make_unique<Option>(std::move(name), section.key, target, std::move(help));
  const bool reserved = option->name() == "config" || option->name() == "set" || option->name() == "help" ||
                        option->name().starts_with("no-");
  if (reserved || find(option->name()) != nullptr) {
    throw std::logic_error("the option name '" + option->name() + "' is taken");
  }
  for (const Section& other : sections_) {
    if (other.key == option->key()) throw std::logic_error("the option '" + other.key + "' is a section too");
  }
  section.options.push_back(option.get());
  options_.push_back(std::move(option));
  return *options_.back();
}

void Options::positional(std::string name, std::vector<std::string>* values, std::string help,
                         bool required) {
  if (positional_) throw std::logic_error("positional arguments are described twice");
  positional_ = std::make_unique<Positional>(Positional{std::move(name), values, std::move(help), required});
}

void Options::inherit(std::function<std::filesystem::path()> file) { inherit_ = std::move(file); }

Option* Options::find(std::string_view name) const {
  for (const auto& option : options_) {
    if (option->name() == name) return option.get();
  }
  return nullptr;
}

Option* Options::find_key(std::string_view key) const {
  for (const auto& option : options_) {
    if (option->key() == key) return option.get();
  }
  return nullptr;
}

bool Options::given(std::string_view name) const {
  const Option* option = find(name);
  if (option == nullptr) throw std::logic_error("there is no option '" + std::string(name) + "'");
  return option->origin() != Origin::kDefault;
}

bool Options::parse(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (argument == "--help" || argument == "-h") {
      fmt::print("{}", help());
      return false;
    }
  }
  // From the strongest origin to the weakest: files may depend on flags, and no origin overrides a stronger
  // one.
  read_arguments(arguments);
  read_environment();
  if (!config_.empty()) read_toml(config_, Origin::kFile);
  if (inherit_) {
    const std::filesystem::path inherited = inherit_();
    if (!inherited.empty()) read_toml(inherited, Origin::kInheritedFile);
  }
  check_required();
  return true;
}

void Options::load_toml(const std::filesystem::path& path) { read_toml(path, Origin::kInheritedFile); }

void Options::read_arguments(const std::vector<std::string>& arguments) {
  bool only_positional = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (only_positional || argument.size() < 2 || argument[0] != '-') {
      if (!positional_)
        fail_usage("unexpected argument '{}': filigree {} takes flags only", argument, command_);
      positional_->values->push_back(argument);
      continue;
    }
    if (argument == "--") {
      only_positional = true;
      continue;
    }
    const std::size_t equals = argument.find('=');
    const std::string flag = argument.substr(0, equals);
    const bool has_value = equals != std::string::npos;
    const std::string name = flag.starts_with("--") ? flag.substr(2) : std::string();
    Option* option = find(name);
    if (option == nullptr && name.starts_with("no-")) {
      if (Option* negated = find(name.substr(3)); negated != nullptr && negated->is_flag()) {
        if (has_value) fail_usage("{}: {} takes no value", argument, flag);
        (void)negated->set({"false"}, Origin::kFlag);
        continue;
      }
    }
    const bool general = name == "config" || name == "set";
    if (option == nullptr && !general) fail_unknown_flag(flag);
    if (option != nullptr && option->is_flag() && !has_value) {
      (void)option->set({"true"}, Origin::kFlag);
      continue;
    }
    std::string value;
    if (has_value) {
      value = argument.substr(equals + 1);
    } else if (i + 1 < arguments.size() && !arguments[i + 1].starts_with("--")) {
      value = arguments[++i];
    } else {
      const std::string allowed = option != nullptr ? option->allowed()
                                  : name == "set"   ? "KEY=VALUE"
                                                    : "a path";
      fail_usage("{} needs a value: {}", flag, allowed);
    }
    if (name == "config") {
      if (value.empty()) fail_usage("--config '': the value must be a path, not empty");
      config_ = value;
    } else if (name == "set") {
      read_set(value);
    } else if (!set_text(option, value)) {
      fail_usage("{} '{}': the value must be {}", flag, value, option->allowed());
    }
  }
}

void Options::read_set(const std::string& assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos) fail_usage("--set '{}': it must be KEY=VALUE", assignment);
  const std::string key = assignment.substr(0, equals);
  const std::string value = assignment.substr(equals + 1);
  Option* option = find_key(key);
  if (option == nullptr) fail_usage("--set {}: unknown key '{}'{}", assignment, key, nearest_key(key));
  if (!set_text(option, value)) fail_usage("--set {}: the value must be {}", assignment, option->allowed());
}

void Options::read_environment() {
  for (const auto& option : options_) {
    const std::string variable = option->variable();
    const char* text = variable.empty() ? nullptr : std::getenv(variable.c_str());
    if (text == nullptr) continue;
    const Option::Texts texts = option->is_list() ? split_commas(text) : Option::Texts{text};
    if (!option->set(texts, Origin::kEnvironment)) {
      fail_usage("environment variable {}='{}' (for --{}): the value must be {}", variable, text,
                 option->name(), option->allowed());
    }
  }
}

void Options::check_required() const {
  for (const auto& option : options_) {
    if (option->is_required() && option->origin() == Origin::kDefault) {
      fail_usage("--{} is required: {} ({})", option->name(), option->help(), option->allowed());
    }
  }
  if (positional_ && positional_->required && positional_->values->empty()) {
    fail_usage("{} is missing: {}", positional_->name, positional_->help);
  }
}

std::string Options::nearest_key(const std::string& key) const {
  // Sections are candidates for a mistyped table, bare names for a key outside its section.
  std::vector<std::string> candidates;
  for (const Section& section : sections_) {
    if (!section.key.empty()) candidates.push_back(section.key);
  }
  for (const auto& option : options_) candidates.push_back(option->key());
  for (const auto& option : options_) candidates.push_back(option->name());
  if (candidates.empty()) return "";
  const std::string best = nearest(key, candidates);
  const Option* option = find_key(best) == nullptr ? find(best) : nullptr;
  return fmt::format("; the nearest is '{}'", option != nullptr ? option->key() : best);
}

void Options::fail_unknown_flag(const std::string& flag) const {
  std::vector<std::string> flags = {"--config", "--set", "--help"};
  for (const auto& option : options_) {
    if (option->is_hidden()) continue;
    flags.push_back("--" + option->name());
    if (option->is_flag()) flags.push_back("--no-" + option->name());
  }
  fail_usage("unknown flag {}; the nearest is {} (filigree {} --help lists all)", flag, nearest(flag, flags),
             command_);
}

}  // namespace filigree::run
