// JSON that anyone may have written, for nlohmann-json: it reads any depth, but compares, copies and prints
// by recursion, which a million brackets would take beyond the stack.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace filigree {

// Objects and arrays inside each other: far beyond what we write.
inline constexpr int kDeepestJson = 64;

// Follows a text of JSON without building it; nlohmann::json::sax_parse() gives false where the text is not
// JSON, or nested more than `deepest` times.
class JsonWatch : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit JsonWatch(int deepest) : deepest_(deepest) {}

  bool start_object(std::size_t) override { return enter(); }
  bool key(string_t&) override { return true; }
  bool end_object() override { return --depth_ >= 0; }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return --depth_ >= 0; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }

 protected:
  // Objects and arrays that are open.
  int depth() const { return depth_; }

 private:
  bool enter() { return ++depth_ <= deepest_; }

  int deepest_;
  int depth_ = 0;
};

// The text's value; one that is_discarded() where the text is not JSON or nested too deeply.
template <typename Json = nlohmann::json>
Json parse_json(std::string_view text) {
  JsonWatch watch(kDeepestJson);
  if (!nlohmann::json::sax_parse(text, &watch)) return Json(nlohmann::detail::value_t::discarded);
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

}  // namespace filigree
