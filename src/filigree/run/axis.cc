#include "filigree/run/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace filigree::run {
namespace {

constexpr const char* kLarge[] = {"", "k", "M", "G", "T", "P", "E"};
constexpr const char* kSmall[] = {"", "m", "\u00b5", "n", "p"};

// The exponent of the power of ten at or below `value`, safe from rounding just below a power.
int exponent_of(double value) { return static_cast<int>(std::floor(std::log10(value) + 1e-9)); }

double power_of_ten(int exponent) { return std::pow(10.0, exponent); }

// The smallest 1, 2 or 5 times a power of ten that is at least `value`.
double nice_step(double value) {
  const double power = power_of_ten(exponent_of(value));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= value * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

// A typographic minus; a zero without a sign.
std::string with_minus(std::string digits) {
  if (digits.find_first_of("123456789") == std::string::npos)
    return digits[0] == '-' ? digits.substr(1) : digits;
  return digits[0] == '-' ? "\u2212" + digits.substr(1) : digits;
}

std::string with_thousands(std::string digits) {
  const std::size_t end = std::min(digits.find('.'), digits.size());
  const std::size_t begin = digits[0] == '-' ? 1 : 0;
  for (std::size_t at = end; at > begin + 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

// A label among others `step` apart, the largest of which is `largest` in size.
std::string tick_label(double value, double step, double largest) {
  if (value == 0) return "0";
  const int exponent = exponent_of(largest);
  if (exponent < -3 || exponent > 20) {
    // 2.5e-4, with as many digits as tell neighbours apart
    const int own = exponent_of(std::abs(value));
    const int decimals = std::clamp(own - exponent_of(step), 0, 12);
    return with_minus(fmt::format("{:.{}f}", value / power_of_ten(own), decimals)) + fmt::format("e{}", own);
  }
  const int prefix = exponent >= 4 ? exponent / 3 : 0;
  const double scale = power_of_ten(3 * prefix);
  const int decimals = std::clamp(-exponent_of(step / scale), 0, 12);
  return with_minus(with_thousands(fmt::format("{:.{}f}", value / scale, decimals))) + kLarge[prefix];
}

}  // namespace

double Axis::position(double value) const {
  if (logarithmic) return (std::log(value) - std::log(lo)) / (std::log(hi) - std::log(lo));
  return (value - lo) / (hi - lo);
}

Axis linear_axis(double lo, double hi, int count, bool widen) {
  // Ends that differ by rounding alone would need labels of 16 digits.
  const double size = std::max(std::abs(lo), std::abs(hi));
  if (hi - lo <= size * 1e-9) {
    const double room = size > 0 ? size * 0.1 : 1;
    lo -= room;
    hi += room;
  }
  const double step = nice_step((hi - lo) / count);
  double first = std::ceil(lo / step - 1e-6);
  double last = std::floor(hi / step + 1e-6);
  if (widen) {
    first = std::floor(lo / step + 1e-6);
    last = std::ceil(hi / step - 1e-6);
    lo = std::min(lo, first * step);
    hi = std::max(hi, last * step);
  }
  Axis axis{lo, hi, false, {}};
  const double largest = std::max(std::abs(first), std::abs(last)) * step;
  const int ticks = static_cast<int>(last - first) + 1;
  for (int i = 0; i < ticks; ++i) {
    const double value = (first + i) * step;
    axis.ticks.push_back({value, tick_label(value, step, largest)});
  }
  return axis;
}

Axis log_axis(double lo, double hi) {
  if (hi <= lo * (1 + 1e-9)) {
    lo /= 2;
    hi *= 2;
  }
  Axis axis{lo, hi, true, {}};
  const double decades = std::log10(hi) - std::log10(lo);
  // Under one decade there may be no tick at all: those of a linear axis then serve better.
  if (decades < 1) {
    axis.ticks = linear_axis(lo, hi, 5, false).ticks;
    return axis;
  }
  const int every = std::max(1, static_cast<int>(std::ceil(decades / 8)));
  for (int exponent = exponent_of(lo); exponent <= exponent_of(hi); ++exponent) {
    if (exponent % every != 0) continue;
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double value = factor * power_of_ten(exponent);
      if (factor > 1 && decades > 3) break;
      if (value < lo * (1 - 1e-9) || value > hi * (1 + 1e-9)) continue;
      axis.ticks.push_back({value, tick_label(value, value, value)});
    }
  }
  return axis;
}

std::string format_si(double value, int digits) {
  if (!std::isfinite(value) || value == 0) return fmt::format("{}", value);
  // Rounding comes first: 999.96 with four digits is 1.000 k.
  const std::string text = fmt::format("{:.{}e}", std::abs(value), digits - 1);
  double size = 0;
  std::from_chars(text.data(), text.data() + text.size(), size);  // as no locale would
  const int exponent = exponent_of(size);
  const int prefix = std::clamp(static_cast<int>(std::floor(exponent / 3.0)), -4, 6);
  const double scaled = value / power_of_ten(3 * prefix);
  const int decimals = std::max(0, digits - 1 - (exponent - 3 * prefix));
  std::string number = with_minus(fmt::format("{:.{}f}", scaled, decimals));
  if (prefix == 0) return number;
  return fmt::format("{} {}", number, prefix > 0 ? kLarge[prefix] : kSmall[-prefix]);
}

}  // namespace filigree::run
