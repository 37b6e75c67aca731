// One option: its description, the variable it sets, and where its value came from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace filigree::run {

// Where a value came from, weakest first. A stronger origin is never overwritten by a weaker one.
enum class Origin { kDefault, kInheritedFile, kFile, kEnvironment, kFlag };

class Option {
 public:
  using Target = std::variant<bool*, int*, std::int64_t*, std::uint64_t*, double*, std::string*,
                              std::vector<std::string>*, std::filesystem::path*>;
  // One value as text, or as the elements of a list.
  using Texts = std::vector<std::string>;

  Option(std::string name, std::string section, Target target, std::string help);

  // Numbers only: lo <= value <= hi. An infinite bound is no bound.
  Option& range(double lo, double hi);
  // Texts (and elements of lists) only: the value is one of these.
  Option& choices(std::vector<std::string> values);
  // The word that stands for the value in help; by default it follows from the type ("NUMBER").
  Option& metavar(std::string word);
  // Left out of help and documentation.
  Option& hidden();
  // Must be given by a file, the environment or a flag.
  Option& required();
  // Acts on this call alone (--resume, --json): left out of the effective configuration.
  Option& transient();

  const std::string& name() const { return name_; }        // "learning-rate"
  const std::string& section() const { return section_; }  // "optimiser", empty for top-level keys
  const std::string& help() const { return help_; }
  std::string key() const;  // "optimiser.learning-rate"
  // "FILIGREE_LEARNING_RATE"; empty where that variable means something else (FILIGREE_DATA, FILIGREE_ISA).
  std::string variable() const;
  bool is_flag() const { return std::holds_alternative<bool*>(target_); }
  bool is_list() const { return std::holds_alternative<std::vector<std::string>*>(target_); }
  bool is_text() const {
    return std::holds_alternative<std::string*>(target_) ||
           std::holds_alternative<std::filesystem::path*>(target_);
  }
  bool is_integer() const {
    return !is_flag() && !is_text() && !is_list() && !std::holds_alternative<double*>(target_);
  }
  // True where range() was called: allowed() says more than the type does.
  bool has_limits() const { return low_ || high_; }
  bool is_hidden() const { return hidden_; }
  bool is_required() const { return required_; }
  bool is_transient() const { return transient_; }
  const std::string& metavar() const { return metavar_; }  // empty for a bool
  Origin origin() const { return origin_; }

  // What a value may be: "a number from 0 to 1", "one of: sgd, adamw".
  std::string allowed() const;
  // The present value, and the one before anything was set, as a TOML value: `0.1`, `"adamw"`.
  std::string toml_value() const;
  const std::string& default_toml() const { return default_toml_; }

  // Sets the value from text unless a stronger origin already has. False: the text is not allowed().
  [[nodiscard]] bool set(const Texts& texts, Origin origin);
  // Adds an element to a list; the first one at this origin replaces what weaker origins set.
  [[nodiscard]] bool append(const std::string& text, Origin origin);

 private:
  bool may_be(const Texts& texts, Origin origin) const;
  bool in_range(double value) const;
  bool is_choice(const std::string& text) const;

  std::string name_;
  std::string section_;
  Target target_;
  std::string help_;
  std::string metavar_;
  std::string default_toml_;
  std::optional<double> low_;
  std::optional<double> high_;
  std::vector<std::string> choices_;
  bool hidden_ = false;
  bool required_ = false;
  bool transient_ = false;
  Origin origin_ = Origin::kDefault;
};

}  // namespace filigree::run
