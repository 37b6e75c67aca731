#include "filigree/run/option.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

namespace filigree::run {
namespace {

// The whole text as a number, in decimal; no sign of plus, no spaces, no nan, no inf.
template <class T>
bool read_number(const std::string& text, T* value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *value);
  if (error != std::errc() || stop != end) return false;
  if constexpr (std::is_floating_point_v<T>) return std::isfinite(*value);
  if constexpr (std::is_same_v<T, std::uint64_t>) {
    return *value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  }
  return true;
}

bool read_bool(const std::string& text, bool* value) {
  *value = text == "true" || text == "1";
  return *value || text == "false" || text == "0";
}

// JSON's escapes are all escapes of TOML's basic strings; TOML alone forbids a bare DEL.
std::string quote(const std::string& text) {
  std::string quoted;
  for (const char c : nlohmann::json(text).dump()) {
    if (c == '\x7f') {
      quoted += "\\u007f";
    } else {
      quoted += c;
    }
  }
  return quoted;
}

bool is_utf8(const std::string& text) {
  try {
    (void)nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

std::string toml_number(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

std::string bound(double value, bool integer) {
  return integer ? fmt::format("{:.0f}", value) : fmt::format("{}", value);
}

}  // namespace

Option::Option(std::string name, std::string section, Target target, std::string help)
    : name_(std::move(name)), section_(std::move(section)), target_(target), help_(std::move(help)) {
  static constexpr const char* kMetavars[] = {"",       "INTEGER", "INTEGER", "INTEGER",
                                              "NUMBER", "TEXT",    "TEXT",    "PATH"};
  static_assert(std::size(kMetavars) == std::variant_size_v<Target>);
  metavar_ = kMetavars[target_.index()];
  default_toml_ = toml_value();
}

Option& Option::range(double lo, double hi) {
  if (std::isfinite(lo)) low_ = lo;
  if (std::isfinite(hi)) high_ = hi;
  return *this;
}

Option& Option::choices(std::vector<std::string> values) {
  choices_ = std::move(values);
  metavar_ = fmt::format("{}", fmt::join(choices_, "|"));
  return *this;
}

Option& Option::metavar(std::string word) {
  metavar_ = std::move(word);
  return *this;
}

Option& Option::hidden() {
  hidden_ = true;
  return *this;
}

Option& Option::required() {
  required_ = true;
  return *this;
}

Option& Option::transient() {
  transient_ = true;
  return *this;
}

std::string Option::key() const { return section_.empty() ? name_ : section_ + "." + name_; }

std::string Option::variable() const {
  // FILIGREE_ISA forces an instruction set, FILIGREE_DATA is where the tests' data lie: neither may change an
  // option that happens to have the name.
  if (name_ == "isa" || name_ == "data") return "";
  std::string variable = "FILIGREE_";
  for (const char c : name_) {
    variable += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return variable;
}

std::string Option::allowed() const {
  if (is_flag()) return "true or false";
  if (!choices_.empty()) return fmt::format("one of {}", fmt::join(choices_, ", "));
  if (std::holds_alternative<std::filesystem::path*>(target_)) return "a path in UTF-8, not empty";
  if (std::holds_alternative<std::string*>(target_) || is_list()) return "text in UTF-8, not empty";
  const bool integer = is_integer();
  const char* type = integer ? "an integer" : "a number";
  if (low_ && high_)
    return fmt::format("{} from {} to {}", type, bound(*low_, integer), bound(*high_, integer));
  if (low_) return fmt::format("{} of at least {}", type, bound(*low_, integer));
  if (high_) return fmt::format("{} of at most {}", type, bound(*high_, integer));
  return type;
}

std::string Option::toml_value() const {
  return std::visit(
      [](const auto* value) -> std::string {
        using T = std::decay_t<decltype(*value)>;
        if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          std::vector<std::string> quoted;
          for (const std::string& text : *value) quoted.push_back(quote(text));
          return fmt::format("[{}]", fmt::join(quoted, ", "));
        } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
          return quote(value->string());
        } else if constexpr (std::is_same_v<T, std::string>) {
          return quote(*value);
        } else if constexpr (std::is_same_v<T, double>) {
          return toml_number(*value);
        } else {
          return fmt::format("{}", *value);
        }
      },
      target_);
}

bool Option::in_range(double value) const { return (!low_ || value >= *low_) && (!high_ || value <= *high_); }

bool Option::is_choice(const std::string& text) const {
  return is_utf8(text) &&
         (choices_.empty() || std::find(choices_.begin(), choices_.end(), text) != choices_.end());
}

// Commands take empty for not given. So only a file may say it, and only where it is the default: our own
// configurations hold every option.
bool Option::may_be(const Texts& texts, Origin origin) const {
  if (!is_text() && !is_list()) return true;
  const bool empty = is_list() ? texts.empty() : texts.size() == 1 && texts[0].empty();
  if (!empty) return std::none_of(texts.begin(), texts.end(), [](const auto& text) { return text.empty(); });
  const bool from_file = origin == Origin::kFile || origin == Origin::kInheritedFile;
  return from_file && default_toml_ == (is_list() ? "[]" : "\"\"");
}

bool Option::set(const Texts& texts, Origin origin) {
  if (!may_be(texts, origin)) return false;
  const bool wins = origin >= origin_;
  const bool accepted = std::visit(
      [&](auto* target) {
        using T = std::decay_t<decltype(*target)>;
        T value{};
        if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          value = texts;
          if (!std::all_of(texts.begin(), texts.end(), [&](const auto& text) { return is_choice(text); }))
            return false;
        } else {
          if (texts.size() != 1) return false;
          if constexpr (std::is_same_v<T, bool>) {
            if (!read_bool(texts[0], &value)) return false;
          } else if constexpr (std::is_arithmetic_v<T>) {
            if (!read_number(texts[0], &value) || !in_range(static_cast<double>(value))) return false;
          } else {
            value = texts[0];
            if (!is_choice(texts[0])) return false;
          }
        }
        if (wins) *target = std::move(value);
        return true;
      },
      target_);
  if (accepted && wins) origin_ = origin;
  return accepted;
}

bool Option::append(const std::string& text, Origin origin) {
  Texts texts;
  if (origin == origin_) texts = *std::get<std::vector<std::string>*>(target_);
  texts.push_back(text);
  return set(texts, origin);
}

}  // namespace filigree::run
