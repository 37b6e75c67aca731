#include "filigree/numerics/safetensors_header.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "filigree/base/json.h"

namespace filigree {
namespace {

using Json = nlohmann::json;

constexpr const char* kMetadata = "__metadata__";
constexpr std::uint64_t kAlignment = 64;
constexpr int kDeepest = 3;  // objects and arrays inside each other

template <typename... Args>
[[noreturn]] void malformed(fmt::format_string<Args...> format, Args&&... args) {
  throw std::runtime_error(fmt::format(format, std::forward<Args>(args)...));
}

// nlohmann-json keeps one of two equal keys without a word, would build whatever depth it is given, and takes
// quadratic time both for objects that keep their keys' order and where it calls back while it builds them.
// So the text is read twice: here for duplicates, depth and order, and then plainly.
class Watch : public JsonWatch {
 public:
  Watch() : JsonWatch(kDeepest) {}

  // The outermost object's keys, in order.
  std::vector<std::string> take_keys() { return std::move(order_); }

  bool start_object(std::size_t size) override {
    if (!JsonWatch::start_object(size)) too_deep();
    keys_[depth()].clear();
    return true;
  }
  bool key(string_t& name) override {
    if (!keys_[depth()].insert(name).second) malformed("the header has the key '{}' twice", name);
    if (depth() == 1) order_.push_back(name);
    return true;
  }
  bool start_array(std::size_t size) override {
    if (!JsonWatch::start_array(size)) too_deep();
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    malformed("the header is not JSON ({})", error.what());
  }

 private:
  [[noreturn]] static void too_deep() { malformed("the header's JSON is nested too deeply"); }

  std::set<std::string> keys_[kDeepest + 1];
  std::vector<std::string> order_;
};

const Json& member(const Json& tensor, const std::string& name, const char* key) {
  const auto found = tensor.find(key);
  if (found == tensor.end()) malformed("tensor '{}' has no {}", name, key);
  return *found;
}

std::uint64_t unsigned_number(const Json& json, const std::string& name, const char* what) {
  if (!json.is_number_unsigned())
    malformed("tensor '{}': {} holds something else than whole numbers", name, what);
  return json.get<std::uint64_t>();
}

TensorPlace parse_tensor(const std::string& name, const Json& json) {
  if (!json.is_object() || json.size() != 3)
    malformed("tensor '{}' is not dtype, shape and data_offsets", name);
  TensorPlace place;
  place.name = name;
  const Json& dtype = member(json, name, "dtype");
  if (!dtype.is_string()) malformed("tensor '{}': dtype is not a text", name);
  place.dtype = dtype.get<std::string>();
  std::uint64_t size = dtype_size(place.dtype);
  if (size == 0) malformed("tensor '{}' has the unknown dtype '{}'", name, place.dtype);

  const Json& shape = member(json, name, "shape");
  if (!shape.is_array()) malformed("tensor '{}': shape is not a list", name);
  for (const Json& element : shape) {
    const std::uint64_t extent = unsigned_number(element, name, "shape");
    if (extent > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) ||
        __builtin_mul_overflow(size, extent, &size)) {
      malformed("tensor '{}': its shape is too large", name);
    }
    place.shape.push_back(static_cast<std::int64_t>(extent));
  }

  const Json& offsets = member(json, name, "data_offsets");
  if (!offsets.is_array() || offsets.size() != 2) malformed("tensor '{}': data_offsets is not a pair", name);
  place.begin = unsigned_number(offsets[0], name, "data_offsets");
  place.end = unsigned_number(offsets[1], name, "data_offsets");
  if (place.end < place.begin || place.end - place.begin != size) {
    malformed("tensor '{}': {} takes {} bytes, not those from {} to {}", name,
              describe(place.dtype, place.shape), size, place.begin, place.end);
  }
  return place;
}

// Ranges in rising order must meet end to end, from 0 to the end of the data.
void check_ranges(const std::vector<TensorPlace>& tensors, std::uint64_t data_bytes) {
  std::vector<const TensorPlace*> order;
  order.reserve(tensors.size());
  for (const TensorPlace& place : tensors) order.push_back(&place);
  std::sort(order.begin(), order.end(), [](const TensorPlace* a, const TensorPlace* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  std::uint64_t end = 0;
  for (const TensorPlace* place : order) {
    if (place->begin < end) malformed("tensor '{}' overlaps another one", place->name);
    if (place->begin > end) malformed("there is a hole in front of tensor '{}'", place->name);
    end = place->end;
  }
  if (end > data_bytes) malformed("the file is truncated: {} bytes of data of {}", data_bytes, end);
  if (end < data_bytes) malformed("{} bytes behind the last tensor belong to none", data_bytes - end);
}

}  // namespace

std::uint64_t dtype_size(std::string_view dtype) {
  struct Row {
    std::string_view name;
    std::uint64_t size;
  };
  static constexpr Row kRows[] = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"U16", 2}, {"I16", 2}, {"F16", 2},
      {"BF16", 2}, {"U32", 4}, {"I32", 4}, {"F32", 4},     {"U64", 8},     {"I64", 8}, {"F64", 8},
  };
  for (const Row& row : kRows) {
    if (row.name == dtype) return row.size;
  }
  return 0;
}

std::string describe(std::string_view dtype, const std::vector<std::int64_t>& shape) {
  return fmt::format("{} [{}]", dtype, fmt::join(shape, ", "));
}

SafetensorsHeader parse_header(std::string_view json, std::uint64_t data_bytes) {
  if (json.empty() || json.front() != '{') malformed("the header does not start with '{{'");
  Watch watch;
  Json::sax_parse(json, &watch);
  const Json root = Json::parse(json);
  SafetensorsHeader header;
  for (const std::string& name : watch.take_keys()) {
    const Json& value = root.at(name);
    if (name != kMetadata) {
      header.tensors.push_back(parse_tensor(name, value));
      continue;
    }
    if (!value.is_object()) malformed("{} is not an object", kMetadata);
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) malformed("{}: '{}' is not a text", kMetadata, key);
      header.metadata.emplace(key, text.get<std::string>());
    }
  }
  check_ranges(header.tensors, data_bytes);
  return header;
}

std::string encode_header(const SafetensorsHeader& header) {
  const auto quoted = [](const std::string& value) { return Json(value).dump(); };
  std::vector<std::string> members;
  if (!header.metadata.empty()) {
    std::vector<std::string> facts;
    for (const auto& [key, value] : header.metadata) facts.push_back(quoted(key) + ":" + quoted(value));
    members.push_back(fmt::format("{}:{{{}}}", quoted(kMetadata), fmt::join(facts, ",")));
  }
  for (const TensorPlace& place : header.tensors) {
    members.push_back(fmt::format(R"({}:{{"dtype":{},"shape":[{}],"data_offsets":[{},{}]}})",
                                  quoted(place.name), quoted(place.dtype), fmt::join(place.shape, ","),
                                  place.begin, place.end));
  }
  std::string text = fmt::format("{{{}}}", fmt::join(members, ","));
  const std::uint64_t unpadded = kLengthBytes + text.size();
  text.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  return text;
}

}  // namespace filigree
