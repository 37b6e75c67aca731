#include "filigree/sparse/matrix_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>

#include "filigree/base/error.h"
#include "filigree/base/file.h"

namespace filigree::sparse {
namespace {

// Words of a file, line by line, and errors that name the line.
class Lines {
 public:
  explicit Lines(const std::filesystem::path& path)
      : path_(path.string()), text_(read_file(path, kMostBytes)) {}

  // The next line without its end; false behind the last.
  bool next() {
    if (at_ >= text_.size()) return false;
    std::size_t end = text_.find('\n', at_);
    if (end == std::string::npos) end = text_.size();
    line_ = std::string_view(text_).substr(at_, end - at_);
    if (line_.ends_with('\r')) line_.remove_suffix(1);
    at_ = end + 1;
    ++number_;
    return true;
  }
  bool blank() const { return line_.find_first_not_of(kBlanks) == std::string_view::npos; }
  bool starts_with(char c) const { return line_.starts_with(c); }

  // The next word of the line; empty behind the last.
  std::string_view word() {
    const std::size_t begin = line_.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return {};
    std::size_t end = line_.find_first_of(kBlanks, begin);
    if (end == std::string_view::npos) end = line_.size();
    const std::string_view found = line_.substr(begin, end - begin);
    line_.remove_prefix(end);
    return found;
  }
  void expect_end() {
    const std::string_view more = word();
    if (!more.empty()) fail("has '{}' where the line should end", shown(more));
  }

  std::int64_t integer(const char* what) {
    const std::string_view text = word();
    std::int64_t value = 0;
    const std::string_view digits = without_plus(text);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (text.empty()) fail("ends before its {}", what);
    if (error != std::errc() || end != digits.data() + digits.size()) {
      fail("has '{}' for its {}, which is no whole number of 64 bits", shown(text), what);
    }
    return value;
  }
  double real(const char* what) {
    const std::string_view text = word();
    double value = 0;
    if (text.empty()) fail("ends before its {}", what);
    const std::string_view digits = without_plus(text);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    // Too large, or so small that it is as good as 0: strtod tells.
    if (error == std::errc::result_out_of_range) value = std::strtod(std::string(digits).c_str(), nullptr);
    if (error == std::errc::invalid_argument || end != digits.data() + digits.size() ||
        !std::isfinite(value)) {
      fail("has '{}' for its {}, which is no finite number", shown(text), what);
    }
    return value;
  }
  // A size of a matrix, or a number of elements.
  std::int64_t size(const char* what, std::int64_t least) {
    constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
    const std::int64_t value = integer(what);
    if (value < least || value > kMost) fail("gives {} {}; it must be {} to {}", value, what, least, kMost);
    return value;
  }

  template <typename... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    fail_data("{}: line {} {}", path_, number_, fmt::format(format, std::forward<Args>(args)...));
  }
  // Of the whole file.
  template <typename... Args>
  [[noreturn]] void fail_file(fmt::format_string<Args...> format, Args&&... args) const {
    fail_data("{}: {}", path_, fmt::format(format, std::forward<Args>(args)...));
  }
  std::size_t bytes_left() const { return at_ >= text_.size() ? 0 : text_.size() - at_; }

 private:
  static constexpr std::size_t kMostBytes = std::size_t{1} << 36;
  static constexpr std::string_view kBlanks = " \t,";
  // from_chars knows no leading plus.
  static std::string_view without_plus(std::string_view text) {
    return text.starts_with('+') && !text.starts_with("+-") ? text.substr(1) : text;
  }
  static std::string shown(std::string_view text) {
    constexpr std::size_t kMost = 40;
    std::string result(text.substr(0, kMost));
    for (char& c : result) {
      if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
    }
    return text.size() > kMost ? result + "..." : result;
  }

  std::string path_;
  std::string text_;
  std::size_t at_ = 0;
  std::int64_t number_ = 0;
  std::string_view line_;
};

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

enum class Symmetry { kGeneral, kSymmetric, kSkewSymmetric };

struct MarketHeader {
  std::string field;  // real, integer or pattern
  Symmetry symmetry = Symmetry::kGeneral;
};

MarketHeader read_header(Lines& lines) {
  if (!lines.next() || lower(lines.word()) != "%%matrixmarket" || lower(lines.word()) != "matrix") {
    lines.fail_file("does not begin with '%%MatrixMarket matrix'");
  }
  const std::string format = lower(lines.word());
  const std::string field = lower(lines.word());
  const std::string symmetry = lower(lines.word());
  lines.expect_end();
  if (format != "coordinate") {
    lines.fail("has the format '{}': only 'coordinate' is read; write the matrix sparse", format);
  }
  MarketHeader header;
  header.field = field;
  if (field != "real" && field != "integer" && field != "pattern") {
    lines.fail("has the field '{}': only real, integer and pattern are read", field);
  }
  if (symmetry == "symmetric") {
    header.symmetry = Symmetry::kSymmetric;
  } else if (symmetry == "skew-symmetric") {
    header.symmetry = Symmetry::kSkewSymmetric;
  } else if (symmetry != "general") {
    lines.fail("has the symmetry '{}': only general, symmetric and skew-symmetric are read", symmetry);
  }
  return header;
}

}  // namespace

CooMatrix<double> read_matrix_market(const std::filesystem::path& path) {
  Lines lines(path);
  const MarketHeader header = read_header(lines);
  bool more = lines.next();
  while (more && (lines.blank() || lines.starts_with('%'))) more = lines.next();
  if (!more) lines.fail_file("ends before the sizes of its matrix");
  CooMatrix<double> matrix;
  matrix.rows = lines.size("rows", 1);
  matrix.columns = lines.size("columns", 1);
  const std::int64_t count = lines.size("elements", 0);
  lines.expect_end();
  if (header.symmetry != Symmetry::kGeneral && matrix.rows != matrix.columns) {
    lines.fail("gives {} x {} for a matrix that is symmetric", matrix.rows, matrix.columns);
  }
  // An element takes four bytes at least: a count that lies takes no memory.
  constexpr std::size_t kLeastBytes = 4;
  matrix.entries.reserve(std::min(static_cast<std::size_t>(count), lines.bytes_left() / kLeastBytes + 1));
  std::int64_t read = 0;
  while (lines.next()) {
    if (lines.blank() || lines.starts_with('%')) continue;
    if (read == count) lines.fail("is one more than the {} elements that the file announces", count);
    CooEntry<double> entry;
    entry.row = lines.integer("row") - 1;
    entry.column = lines.integer("column") - 1;
    if (entry.row < 0 || entry.row >= matrix.rows || entry.column < 0 || entry.column >= matrix.columns) {
      lines.fail("has element ({}, {}), outside 1 to {} x 1 to {}", entry.row + 1, entry.column + 1,
                 matrix.rows, matrix.columns);
    }
    if (header.field == "real") {
      entry.value = lines.real("value");
    } else {
      entry.value = header.field == "integer" ? static_cast<double>(lines.integer("value")) : 1.0;
    }
    lines.expect_end();
    matrix.entries.push_back(entry);
    if (header.symmetry == Symmetry::kSkewSymmetric && entry.row == entry.column) {
      lines.fail("has an element on the diagonal of a skew-symmetric matrix");
    }
    if (header.symmetry != Symmetry::kGeneral && entry.row != entry.column) {
      const double sign = header.symmetry == Symmetry::kSkewSymmetric ? -1.0 : 1.0;
      matrix.entries.push_back({entry.column, entry.row, sign * entry.value});
    }
    ++read;
  }
  if (read < count) lines.fail_file("has {} of the {} elements that it announces", read, count);
  return matrix;
}

void write_matrix_market(const std::filesystem::path& path, const CooMatrix<double>& matrix) {
  std::string text = fmt::format("%%MatrixMarket matrix coordinate real general\n{} {} {}\n", matrix.rows,
                                 matrix.columns, matrix.entries.size());
  for (const CooEntry<double>& entry : matrix.entries) {
    fmt::format_to(std::back_inserter(text), "{} {} {:.17g}\n", entry.row + 1, entry.column + 1, entry.value);
  }
  write_file_atomically(path, text);
}

CsrMatrix<double> read_smtx(const std::filesystem::path& path) {
  Lines lines(path);
  if (!lines.next()) lines.fail_file("is empty; it should begin with 'rows, columns, elements'");
  CsrMatrix<double> matrix;
  matrix.rows = lines.size("rows", 1);
  matrix.columns = lines.size("columns", 1);
  const std::int64_t count = lines.size("elements", 0);
  lines.expect_end();
  if (!lines.next()) lines.fail_file("ends before its row offsets");
  for (std::int64_t r = 0; r <= matrix.rows; ++r) {
    const std::int64_t offset = lines.integer("row offset");
    const std::int64_t least = r == 0 ? 0 : matrix.offsets.back();
    if (offset < least || offset > count || (r == 0 && offset != 0) ||
        (r == matrix.rows && offset != count)) {
      lines.fail("has {} for row offset {}: they run from 0 to {} and never fall", offset, r, count);
    }
    matrix.offsets.push_back(offset);
  }
  lines.expect_end();
  if (!lines.next()) {
    if (count > 0) lines.fail_file("ends before its column indices");
    return matrix;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t column = lines.integer("column index");
    if (column < 0 || column >= matrix.columns) {
      lines.fail("has {} for column index {}, outside 0 to {}", column, i, matrix.columns - 1);
    }
    matrix.indices.push_back(column);
  }
  lines.expect_end();
  while (lines.next()) {
    if (!lines.blank()) lines.fail("is one more than the three that the format has");
  }
  matrix.values.assign(matrix.indices.size(), 1.0);
  return matrix;
}

void write_smtx(const std::filesystem::path& path, const CsrMatrix<double>& matrix) {
  const std::string text =
      fmt::format("{}, {}, {}\n{}\n{}\n", matrix.rows, matrix.columns, matrix.indices.size(),
                  fmt::join(matrix.offsets, " "), fmt::join(matrix.indices, " "));
  write_file_atomically(path, text);
}

}  // namespace filigree::sparse
