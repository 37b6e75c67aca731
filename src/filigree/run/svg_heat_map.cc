#include "filigree/run/svg_heat_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <stdexcept>

#include "filigree/run/html.h"

namespace filigree::run {
namespace {

constexpr double kCellWidth = 34;
constexpr double kCellHeight = 20;
constexpr double kGap = 14;
constexpr double kLeft = 92;
constexpr double kTop = 64;
constexpr double kBottom = 44;

// The same in light and dark: numbers stand on it in black.
std::string colour(double value, double most) {
  struct Rgb {
    double r, g, b;
  };
  constexpr Rgb kLow{240, 138, 60};
  constexpr Rgb kMiddle{246, 244, 238};
  constexpr Rgb kHigh{70, 140, 226};
  const double share = std::clamp(std::log(value) / std::log(most), -1.0, 1.0);
  const Rgb& end = share < 0 ? kLow : kHigh;
  const auto mix = [&](double from, double to) {
    return static_cast<int>(std::lround(from + std::abs(share) * (to - from)));
  };
  return fmt::format("#{:02x}{:02x}{:02x}", mix(kMiddle.r, end.r), mix(kMiddle.g, end.g),
                     mix(kMiddle.b, end.b));
}

std::string value_text(double value) {
  return value >= 9.95 ? fmt::format("{:.0f}", value)
         : value >= 1  ? fmt::format("{:.1f}", value)
                       : fmt::format("{:.2f}", value);
}

std::string text(double x, double y, const char* classes, const std::string& content) {
  return fmt::format(R"(<text x="{:.1f}" y="{:.1f}" class="{}">{}</text>)", x, y, classes,
                     escape_html(content));
}

}  // namespace

std::string HeatMap::svg() const {
  if (values.size() != panel_rows.size() * panel_columns.size() * rows.size() * columns.size()) {
    throw std::invalid_argument("a heat map needs a value for each of its cells");
  }
  const double panel_width = kCellWidth * static_cast<double>(columns.size());
  const double panel_height = kCellHeight * static_cast<double>(rows.size());
  const double width = kLeft + static_cast<double>(panel_columns.size()) * (panel_width + kGap);
  const double height = kTop + static_cast<double>(panel_rows.size()) * (panel_height + kGap) + kBottom;
  std::string svg =
      fmt::format(R"(<svg class="chart" viewBox="0 0 {:.0f} {:.0f}" role="img"><title>{}</title>)", width,
                  height, escape_html(title));
  svg += text(0, 16, "title", title);
  std::size_t next = 0;
  for (std::size_t pr = 0; pr < panel_rows.size(); ++pr) {
    const double top = kTop + static_cast<double>(pr) * (panel_height + kGap);
    svg += text(0, top + panel_height / 2 + 4, "label", panel_rows[pr]);
    for (std::size_t r = 0; r < rows.size(); ++r) {
      svg += text(kLeft - 6, top + (static_cast<double>(r) + 0.5) * kCellHeight + 4, "tick end", rows[r]);
    }
    for (std::size_t pc = 0; pc < panel_columns.size(); ++pc) {
      const double left = kLeft + static_cast<double>(pc) * (panel_width + kGap);
      if (pr == 0) svg += text(left + panel_width / 2, kTop - 22, "label middle", panel_columns[pc]);
      for (std::size_t c = 0; c < columns.size(); ++c) {
        const double middle = left + (static_cast<double>(c) + 0.5) * kCellWidth;
        if (pr == 0) svg += text(middle, kTop - 6, "tick middle", columns[c]);
      }
      for (std::size_t r = 0; r < rows.size(); ++r) {
        for (std::size_t c = 0; c < columns.size(); ++c, ++next) {
          const double value = values[next];
          const double x = left + static_cast<double>(c) * kCellWidth;
          const double y = top + static_cast<double>(r) * kCellHeight;
          const bool known = std::isfinite(value) && value > 0;
          svg += fmt::format(R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}"/>)", x,
                             y, kCellWidth - 1, kCellHeight - 1, known ? colour(value, most) : "#b9bcc0");
          if (!known) continue;
          svg += fmt::format(
              R"(<text x="{:.1f}" y="{:.1f}" text-anchor="middle" style="fill:#15181b;font-size:10.5px">{}</text>)",
              x + (kCellWidth - 1) / 2, y + kCellHeight / 2 + 3.5, value_text(value));
        }
      }
    }
  }
  svg += text(0, kTop - 6, "label", fmt::format("{} \\ {}", row_label, column_label));
  // The scale.
  constexpr int kSteps = 9;
  for (int i = 0; i < kSteps; ++i) {
    const double value = std::pow(most, 2.0 * i / (kSteps - 1) - 1);
    const double x = kLeft + i * (kCellWidth + 6);
    const double y = height - kBottom + 14;
    svg += fmt::format(R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="10" fill="{}"/>)", x, y,
                       kCellWidth + 6, colour(value, most));
    svg += text(x + (kCellWidth + 6) / 2, y + 24, "tick middle", fmt::format("{}x", value_text(value)));
  }
  return svg + "</svg>";
}

}  // namespace filigree::run
