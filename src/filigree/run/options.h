// The options of one command. Each is described once; flags, TOML keys, `--set`, the environment,
// help, the effective configuration and the documentation follow from the description.
//
//   Options options("bert pretrain", "Pre-train a BERT, dense or block-sparse.");
//   options.section("model", "Model");
//   options.add("hidden", &hidden, "width of the encoder").range(1, 65536);
//   if (!options.parse(arguments)) return 0;  // --help
//
// An option `name` of section `model` is the flag `--name`, the key `name` of the table `[model]` in
// a file, `--set model.name=value`, and the variable FILIGREE_NAME.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "filigree/run/option.h"

namespace filigree::run {

class Options {
 public:
  // `command` is what follows `filigree`: "bert pretrain".
  Options(std::string command, std::string summary);

  // Options that follow belong to the table `key` and, in help, to the group `title`. Calling it again
  // with a known key goes on with that section.
  void section(std::string key, std::string title);

  // Describes an option; `name` is in kebab-case and unique in the command. `value` holds the default
  // and must outlive this object. T is bool, int, std::int64_t, std::uint64_t (at most 2^63 - 1, TOML's
  // largest), double, std::string, std::vector<std::string> or std::filesystem::path. A bool is set
  // by --name and --no-name. A list takes one element from each --name, or several from the
  // environment, separated by commas.
  template <class T>
  Option& add(std::string name, T* value, std::string help) {
    return insert(std::move(name), value, std::move(help));
  }

  // Arguments without a flag. Without this, one is a usage error. At most once.
  void positional(std::string name, std::vector<std::string>* values, std::string help, bool required);

  // Names a file that parse() reads below --config, once the flags are known: a resumed run's
  // config.toml. An empty path is no file.
  void inherit(std::function<std::filesystem::path()> file);

  // Sets the values: default < inherited file < --config FILE.toml < environment < flags and
  // --set section.name=value; the last of several flags wins. With --help (or -h) anywhere, prints help
  // to stdout and returns false: the caller returns 0.
  // Errors (usage): an unknown flag or key, with the nearest known one; a value of the wrong type, out of
  // range or not among the choices, with its origin; a required option that nothing sets; a file that is not
  // TOML.
  [[nodiscard]] bool parse(const std::vector<std::string>& arguments);

  // Reads a file of to_toml() or a user's; may be called before or after parse(): what --config, the
  // environment or a flag sets stays. Errors as in parse().
  void load_toml(const std::filesystem::path& path);

  // True where something other than the default has set the option.
  bool given(std::string_view name) const;

  // The effective configuration as TOML, with the help texts as comments. Loading it gives the same values.
  std::string to_toml() const;
  // What --help prints.
  std::string help() const;
  // Tables of the options for documentation, one a section.
  std::string markdown() const;

 private:
  struct Section {
    std::string key;
    std::string title;
    std::vector<Option*> options;
  };
  struct Positional {
    std::string name;
    std::vector<std::string>* values;
    std::string help;
    bool required;
  };

  Option& insert(std::string name, Option::Target target, std::string help);
  Option* find(std::string_view name) const;
  Option* find_key(std::string_view key) const;
  void read_arguments(const std::vector<std::string>& arguments);
  void read_set(const std::string& assignment);
  void read_environment();
  void read_toml(const std::filesystem::path& path, Origin origin);
  void check_required() const;
  std::string nearest_key(const std::string& key) const;  // "; the nearest is 'model.hidden'"
  [[noreturn]] void fail_unknown_flag(const std::string& flag) const;

  std::string command_;
  std::string summary_;
  std::vector<std::unique_ptr<Option>> options_;  // pointers stay valid while options are added
  std::vector<Section> sections_;
  std::size_t current_section_ = 0;
  std::unique_ptr<Positional> positional_;
  std::function<std::filesystem::path()> inherit_;
  std::filesystem::path config_;
};

}  // namespace filigree::run
