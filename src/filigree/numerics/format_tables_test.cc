// Writes what the tests take for true, and what conversions give, for
// tests/oracles/formats_against_ml_dtypes.py to compare with another implementation.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "filigree/numerics/cast.h"
#include "filigree/numerics/e8m0.h"
#include "filigree/numerics/test_format_oracle.h"

namespace filigree {
namespace {

std::string number(double value) {
  if (std::isnan(value)) return "nan";
  return std::isinf(value) ? (value < 0 ? "-inf" : "inf") : fmt::format("{:a}", value);
}

// "value NAME CODE NUMBER", by the tables of the oracle alone.
void write_values(std::ofstream& file, const NamedFormat& row) {
  const test::FormatOracle oracle(row.name);
  const auto& format = oracle.format();
  for (unsigned code = 0; code < 2 * oracle.sign_bit(); ++code) {
    const unsigned magnitude = code % oracle.sign_bit();
    double value = NAN;
    if (magnitude <= format.largest_code) value = oracle.values()[magnitude];
    if (static_cast<int>(magnitude) == format.infinity) value = HUGE_VAL;
    if (static_cast<int>(code) == format.nan) value = NAN;
    file << fmt::format("value {} {:x} {}\n", row.name, code, number(code == magnitude ? value : -value));
  }
}

// Of all exponents and signs, and around the middles of all formats; one NaN.
std::vector<float> sampled_floats() {
  std::vector<float> values{std::nanf("")};
  for (std::uint64_t bits = 0; bits <= 0xFFFFFFFFU; bits += 65537 * 3) {
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    if (!std::isnan(value)) values.push_back(value);
  }
  for (std::uint32_t upper = 0; upper < 0x7F80; upper += 8) {
    for (const std::uint32_t lower :
         {0U, 1U, 0xFFFFFU, 0x80000U, 0x80001U, 0x7FFFFU, 0x20000U, 0x1000U, 0x1001U}) {
      const auto value = std::bit_cast<float>((upper << 16) + lower);
      if (!std::isnan(value)) values.insert(values.end(), {value, -value});
    }
  }
  return values;
}

// "cast NAME FP32'S-BITS CODE", to nearest and not saturating.
template <class T>
void write_casts(std::ofstream& file, std::string_view name, const std::vector<float>& from) {
  std::vector<T> to(from.size());
  if constexpr (std::is_same_v<T, E8M0>) {
    for (std::size_t i = 0; i < from.size(); ++i) to[i] = E8M0(from[i]);
  } else {
    cast(from.data(), static_cast<std::int64_t>(from.size()), to.data(), CastMode{});
  }
  for (std::size_t i = 0; i < from.size(); ++i) {
    file << fmt::format("cast {} {:x} {:x}\n", name, std::bit_cast<std::uint32_t>(from[i]), to[i].bits);
  }
}

void write_tables(const std::string& path) {
  std::ofstream file(path);
  const std::vector<float> floats = sampled_floats();
  for (int index = 0; index < static_cast<int>(float_formats().size()); ++index) {
    const NamedFormat& row = float_formats()[static_cast<std::size_t>(index)];
    write_values(file, row);
    visit_format(index, [&](auto type) { write_casts<decltype(type)>(file, row.name, floats); });
  }
  for (int exponent = -127; exponent <= 127; ++exponent) {
    file << fmt::format("value e8m0 {:x} {}\n", exponent + 127, number(std::ldexp(1.0, exponent)));
  }
  file << "value e8m0 ff nan\n";
  write_casts<E8M0>(file, "e8m0", floats);
  ASSERT_TRUE(file.flush().good()) << path;
}

TEST(FormatTables, AreWrittenWhereAsked) {
  const char* const path = std::getenv("FILIGREE_FORMAT_TABLES");
  if (path != nullptr) write_tables(path);
}

}  // namespace
}  // namespace filigree
