#include "filigree/run/metrics.h"

#include <fcntl.h>

#include <cerrno>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "filigree/base/error.h"
#include "filigree/base/file.h"
#include "filigree/base/json.h"

namespace filigree::run {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kHeader = R"({"format":"filigree-metrics","version":1})";
constexpr double kLargestInteger = 9007199254740992.0;  // 2^53

Json to_json(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  // Counts are written as such: 4096, not 4096.0. A negative zero keeps its sign.
  const bool integer = std::trunc(value) == value && std::abs(value) < kLargestInteger;
  if (integer && !(value == 0 && std::signbit(value))) return static_cast<std::int64_t>(value);
  return value;
}

bool from_json(const Json& json, double* value) {
  if (json.is_number()) {
    *value = json.get<double>();
  } else if (json == "NaN") {
    *value = std::numeric_limits<double>::quiet_NaN();
  } else if (json == "Infinity" || json == "-Infinity") {
    *value = json == "Infinity" ? HUGE_VAL : -HUGE_VAL;
  } else {
    return false;
  }
  return true;
}

bool parse_record(const std::string& line, MetricRecord* record) {
  const Json json = parse_json<Json>(line);
  if (!json.is_object() || !json.contains("step") || !json.contains("split")) return false;
  if (!json["step"].is_number_integer() || !json["split"].is_string()) return false;
  record->step = json["step"].get<std::int64_t>();
  record->split = json["split"].get<std::string>();
  for (const auto& [name, value] : json.items()) {
    if (name == "step" || name == "split") continue;
    record->values.emplace_back(name, 0.0);
    if (!from_json(value, &record->values.back().second)) return false;
  }
  return true;
}

bool is_header(const std::string& line) {
  const Json json = parse_json<Json>(line);
  return json.is_object() && json.value("format", Json()) == "filigree-metrics" &&
         json.value("version", Json()) == 1;
}

[[noreturn]] void fail_header(const std::filesystem::path& path) {
  fail_data("{}: its first line is not {}; make it so", path.string(), kHeader);
}

struct Line {
  MetricRecord record;
  std::string text;
};

// The records of a file with their text. What stands behind the last newline was torn by a crash and is
// dropped.
std::vector<Line> read_lines(const std::filesystem::path& path) {
  const std::string content = read_file(path);
  std::vector<Line> lines;
  std::size_t number = 1;
  std::size_t begin = 0;
  for (std::size_t end; (end = content.find('\n', begin)) != std::string::npos; begin = end + 1, ++number) {
    Line line;
    line.text = content.substr(begin, end - begin);
    if (number == 1) {
      if (!is_header(line.text)) fail_header(path);
    } else {
      if (!parse_record(line.text, &line.record))
        fail_data("{}:{}: it is no line of metrics; remove this line", path.string(), number);
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

void write_lines(const std::filesystem::path& path, const std::vector<Line>& lines) {
  std::string content = std::string(kHeader) + '\n';
  for (const Line& line : lines) content += line.text + '\n';
  write_file_atomically(path, content);
}

}  // namespace

double MetricRecord::value(std::string_view name) const {
  for (const auto& [key, value] : values) {
    if (key == name) return value;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

Metrics::Metrics(std::filesystem::path path) : path_(std::move(path)) {
  // A file without its newline was torn by a crash; one without any line has nothing to keep.
  const std::string content = std::filesystem::exists(path_) ? read_file(path_) : std::string();
  if (content.empty() || content.back() != '\n') {
    write_lines(path_, content.empty() ? std::vector<Line>() : read_lines(path_));
  } else if (!is_header(content.substr(0, content.find('\n')))) {
    fail_header(path_);
  }
  open();
}

void Metrics::open() {
  file_ = Descriptor::open(path_, O_WRONLY | O_APPEND);
  if (!file_.is_open()) fail("cannot open {}: {}", path_.string(), errno_text(errno));
}

void Metrics::write(std::int64_t step, std::string_view split, const MetricValues& values) {
  Json json = {{"step", step}, {"split", split}};
  for (const auto& [name, value] : values) {
    if (json.contains(name)) throw std::invalid_argument("the metric '" + name + "' is given twice");
    json[name] = to_json(value);
  }
  const int error_number = write_all(file_, json.dump() + '\n');
  if (error_number != 0) fail("cannot write {}: {}", path_.string(), write_errno_text(error_number));
}

void Metrics::truncate_after(std::int64_t step) {
  std::vector<Line> lines = read_lines(path_);
  std::erase_if(lines, [&](const Line& line) { return line.record.step > step; });
  write_lines(path_, lines);
  open();
}

std::vector<MetricRecord> read_metrics(const std::filesystem::path& path) {
  std::vector<MetricRecord> records;
  for (Line& line : read_lines(path)) records.push_back(std::move(line.record));
  return records;
}

}  // namespace filigree::run
