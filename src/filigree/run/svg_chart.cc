#include "filigree/run/svg_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "filigree/run/axis.h"
#include "filigree/run/html.h"

namespace filigree::run {
namespace {

// All lengths are in the picture's own units; the page scales it to its width.
constexpr double kWidth = 760;
constexpr double kPlotHeight = 270;
constexpr double kRightMargin = 16;
constexpr double kDigitWidth = 6.6;   // of 11.5-unit text, on the safe side
constexpr double kLetterWidth = 6.4;  // of 12-unit text, on average
constexpr double kLegendRow = 20;
constexpr double kLegendKey = 22;    // the short line in front of a name
constexpr double kLegendSpace = 20;  // between entries
constexpr std::size_t kColours = 8;  // s0 ... s7 in the style sheet
constexpr std::size_t kThinAbove = 2000;
constexpr double kColumns = 1000;
constexpr double kLargest = 1e300;  // ranges beyond it would overflow

struct Point {
  double x;
  double y;
};

// Points joined by a line; between two strokes there is a gap.
using Stroke = std::vector<Point>;

bool drawable(const LineChart& chart, const std::pair<double, double>& point) {
  return std::abs(point.first) < kLargest && std::abs(point.second) < kLargest &&
         (!chart.log_x || point.first > 0);
}

std::size_t letters(std::string_view text) {
  // Bytes that continue a character of UTF-8 take no room.
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

struct Range {
  double lo = std::numeric_limits<double>::infinity();
  double hi = -std::numeric_limits<double>::infinity();
  void add(double value) {
    lo = std::min(lo, value);
    hi = std::max(hi, value);
  }
};

// Of each of kColumns columns the lowest and the highest point, in their order; a gap anywhere in a column
// follows it.
std::vector<Stroke> thin(const std::vector<std::optional<Point>>& points, double left, double width) {
  std::vector<Stroke> strokes(1);
  std::optional<Point> low;
  std::optional<Point> high;
  bool gap = false;
  double column = -1;
  const auto flush = [&] {
    if (low) {
      const bool low_first = low->x <= high->x;
      strokes.back().push_back(low_first ? *low : *high);
      if (low->x != high->x || low->y != high->y) strokes.back().push_back(low_first ? *high : *low);
    }
    if (gap && !strokes.back().empty()) strokes.emplace_back();
    low.reset();
    high.reset();
    gap = false;
  };
  for (const std::optional<Point>& point : points) {
    if (!point) {
      gap = true;
      continue;
    }
    const double its_column = std::floor((point->x - left) / width * kColumns);
    if (its_column != column) flush();
    column = its_column;
    if (!low || point->y < low->y) low = point;
    if (!high || point->y > high->y) high = point;
  }
  flush();
  return strokes;
}

std::vector<Stroke> split_at_gaps(const std::vector<std::optional<Point>>& points) {
  std::vector<Stroke> strokes(1);
  for (const std::optional<Point>& point : points) {
    if (point) {
      strokes.back().push_back(*point);
    } else if (!strokes.back().empty()) {
      strokes.emplace_back();
    }
  }
  return strokes;
}

// The lines of all strokes; a stroke of one point becomes a dot in `dots`.
std::string path_data(const std::vector<Stroke>& strokes, std::string* dots) {
  std::string data;
  for (const Stroke& stroke : strokes) {
    if (stroke.size() == 1) *dots += fmt::format("M{:.1f} {:.1f}h0", stroke[0].x, stroke[0].y);
    if (stroke.size() < 2) continue;
    for (std::size_t i = 0; i < stroke.size(); ++i) {
      data += fmt::format("{}{:.1f} {:.1f}", i == 0 ? "M" : i == 1 ? "L" : " ", stroke[i].x, stroke[i].y);
    }
  }
  return data;
}

// The looks of the i-th series: colours come round again, dashed the other way.
std::string series_class(const ChartSeries& series, std::size_t i) {
  const bool dashed = series.dashed != ((i / kColours) % 2 == 1);
  return fmt::format("series s{}{}", i % kColours, dashed ? " dashed" : "");
}

// The legend's entries in rows of at most `width`, from the point (left, top) down; returns the height it
// takes.
double draw_legend(const LineChart& chart, double left, double top, std::string* out) {
  double x = left;
  double y = top;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const std::string& name = chart.series[i].name;
    const double width = kLegendKey + 6 + kLetterWidth * static_cast<double>(letters(name));
    if (x > left && x + width > kWidth - kRightMargin) {
      x = left;
      y += kLegendRow;
    }
    *out += fmt::format("<path class=\"{}\" d=\"M{:.1f} {:.1f}h{}\"/>", series_class(chart.series[i], i), x,
                        y - 4, kLegendKey);
    *out += fmt::format("<text class=\"legend\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", x + kLegendKey + 6, y,
                        escape_html(name));
    x += width + kLegendSpace;
  }
  return chart.series.empty() ? 0 : y - top + kLegendRow;
}

// The box in which the lines are drawn.
struct Plot {
  double left;
  double top;
  double width;
  Axis x;
  Axis y;

  double bottom() const { return top + kPlotHeight; }
  Point at(double x_value, double y_value) const {
    return {left + x.position(x_value) * width, bottom() - y.position(y_value) * kPlotHeight};
  }
};

void draw_axes(const LineChart& chart, const Plot& plot, std::string* out) {
  const double right = plot.left + plot.width;
  for (const Tick& tick : plot.y.ticks) {
    const double y = plot.bottom() - plot.y.position(tick.value) * kPlotHeight;
    *out += fmt::format("<path class=\"grid\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>", plot.left, y, right);
    *out += fmt::format("<text class=\"tick end\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", plot.left - 8,
                        y + 4, tick.label);
  }
  *out +=
      fmt::format("<path class=\"axis\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>\n", plot.left, plot.bottom(), right);
  for (const Tick& tick : plot.x.ticks) {
    const double x = plot.left + plot.x.position(tick.value) * plot.width;
    *out += fmt::format("<path class=\"axis\" d=\"M{:.1f} {:.1f}v5\"/>", x, plot.bottom());
    *out += fmt::format("<text class=\"tick middle\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", x,
                        plot.bottom() + 19, tick.label);
  }
  *out += fmt::format("<text class=\"label\" x=\"0\" y=\"{:.1f}\">{}</text>\n", plot.top - 14,
                      escape_html(chart.y_label));
  *out += fmt::format("<text class=\"label end\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", right,
                      plot.bottom() + 39, escape_html(chart.x_label));
}

void draw_series(const LineChart& chart, const Plot& plot, std::string* out) {
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const ChartSeries& series = chart.series[i];
    std::vector<std::optional<Point>> points;
    points.reserve(series.points.size());
    for (const auto& point : series.points) {
      points.push_back(drawable(chart, point) ? std::optional(plot.at(point.first, point.second))
                                              : std::nullopt);
    }
    const bool thinned = points.size() > kThinAbove;
    const auto strokes = thinned ? thin(points, plot.left, plot.width) : split_at_gaps(points);
    std::string dots;
    const std::string lines = path_data(strokes, &dots);
    const std::string looks = series_class(series, i);
    const std::string name = escape_html(series.name);
    if (!lines.empty()) {
      // Thousands of noisy points make a band: drawn finer, it leaves room for the other lines.
      *out += fmt::format("<path class=\"{}{}\" d=\"{}\"><title>{}</title></path>\n", looks,
                          thinned ? " fine-line" : "", lines, name);
    }
    if (!dots.empty())
      *out += fmt::format("<path class=\"{} dots\" d=\"{}\"><title>{}</title></path>\n", looks, dots, name);
  }
}

}  // namespace

std::string LineChart::svg() const {
  Range x_range;
  Range y_range;
  for (const ChartSeries& one : series) {
    for (const auto& point : one.points) {
      if (!drawable(*this, point)) continue;
      x_range.add(point.first);
      y_range.add(point.second);
    }
  }
  const bool empty = x_range.lo > x_range.hi;
  if (empty) x_range = y_range = {1, 2};

  // Steps that start at 1 are seen from 0.
  if (!log_x && x_range.lo > 0 && x_range.lo < 0.1 * x_range.hi) x_range.lo = 0;

  Plot plot{};
  plot.x = log_x ? log_axis(x_range.lo, x_range.hi) : linear_axis(x_range.lo, x_range.hi, 8, /*widen=*/false);
  plot.y = linear_axis(y_range.lo, y_range.hi, 6, /*widen=*/true);
  std::size_t widest = 0;
  for (const Tick& tick : plot.y.ticks) widest = std::max(widest, letters(tick.label));
  plot.left = 8 + kDigitWidth * static_cast<double>(widest);
  plot.width = kWidth - kRightMargin - plot.left;

  std::string body;
  double y = 18;
  if (!title.empty()) {
    body += fmt::format("<text class=\"title\" x=\"0\" y=\"{:.1f}\">{}</text>\n", y, escape_html(title));
    y += 26;
  }
  y += draw_legend(*this, 0, y, &body);
  plot.top = y + 20;
  if (empty) {
    body += fmt::format("<text class=\"label\" x=\"0\" y=\"{:.1f}\">no data yet</text>\n", plot.top);
  } else {
    draw_axes(*this, plot, &body);
    draw_series(*this, plot, &body);
  }
  return fmt::format(
      "<svg class=\"chart\" viewBox=\"0 0 {} {:.0f}\" role=\"img\" aria-label=\"{}\">\n{}</svg>\n", kWidth,
      empty ? plot.top + 10 : plot.bottom() + 46, escape_html(title), body);
}

}  // namespace filigree::run
