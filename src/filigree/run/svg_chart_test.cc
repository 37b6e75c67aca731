#include "filigree/run/svg_chart.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "filigree/base/test_support.h"
#include "filigree/run/test_xml.h"

namespace filigree::run {
namespace {

using test::contains;

using Coordinates = std::vector<std::pair<double, double>>;

// The strokes of all paths drawn for the series named `name`.
std::vector<Coordinates> strokes_of(const std::string& svg, const std::string& name) {
  std::vector<Coordinates> strokes;
  const std::vector<XmlElement> elements = parse_xml(svg);
  for (std::size_t i = 1; i < elements.size(); ++i) {
    if (elements[i].name != "title" || elements[i].text != name) continue;
    std::string data = elements[i - 1].attributes.at("d");
    for (char& c : data) {
      if (c == 'L' || c == 'h') c = ' ';
    }
    std::istringstream subpaths(data);
    std::string subpath;
    std::getline(subpaths, subpath, 'M');
    while (std::getline(subpaths, subpath, 'M')) {
      std::istringstream numbers(subpath);
      strokes.emplace_back();
      for (double x = 0, y = 0; numbers >> x >> y;) strokes.back().emplace_back(x, y);
    }
  }
  return strokes;
}

TEST(LineChart, PointsLieWhereTheAxesSay) {
  LineChart chart{"Loss", "steps", "nats", {{"a", {{0, 0}, {50, 5}, {100, 10}}, false}}};
  const auto strokes = strokes_of(chart.svg(), "a");
  ASSERT_EQ(strokes.size(), 1u);
  ASSERT_EQ(strokes[0].size(), 3u);
  // The middle in the middle, y upwards.
  EXPECT_NEAR(strokes[0][1].first, (strokes[0][0].first + strokes[0][2].first) / 2, 0.1);
  EXPECT_NEAR(strokes[0][1].second, (strokes[0][0].second + strokes[0][2].second) / 2, 0.1);
  EXPECT_GT(strokes[0][0].second, strokes[0][2].second);
}

TEST(LineChart, LogarithmicAxisSpacesFactorsEvenlyAndSkipsTheRest) {
  LineChart chart{"", "", "", {{"a", {{-1, 3}, {0, 2}, {1, 1}, {10, 1}, {100, 2}}, false}}, true};
  const auto strokes = strokes_of(chart.svg(), "a");
  ASSERT_EQ(strokes.size(), 1u);
  ASSERT_EQ(strokes[0].size(), 3u);
  EXPECT_NEAR(strokes[0][1].first - strokes[0][0].first, strokes[0][2].first - strokes[0][1].first, 0.11);
}

TEST(LineChart, NanLeavesAGapAndALonePointIsADot) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  LineChart chart{
      "",
      "",
      "",
      {{"a",
        {{1, nan}, {2, 1}, {3, 2}, {4, nan}, {5, infinity}, {6, 3}, {7, -infinity}, {8, 1}, {9, 1}},
        false}}};
  const std::string svg = chart.svg();
  const auto strokes = strokes_of(svg, "a");
  ASSERT_EQ(strokes.size(), 3u);
  EXPECT_EQ(strokes[0].size(), 2u);
  EXPECT_EQ(strokes[1].size(), 2u);
  EXPECT_TRUE(contains(svg, "class=\"series s0 dots\""));
  EXPECT_FALSE(contains(svg, "nan"));
  EXPECT_FALSE(contains(svg, "inf"));
}

TEST(LineChart, LongSeriesAreThinnedWithoutLosingExtremes) {
  LineChart chart{"", "", "", {{"a", {}, false}}};
  for (int i = 0; i < 100000; ++i) chart.series[0].points.emplace_back(i, std::sin(i * 0.001));
  chart.series[0].points[54321].second = 7;  // single outliers must be seen
  chart.series[0].points[77777].second = -7;
  for (int i = 30000; i < 40000; ++i)
    chart.series[0].points[static_cast<std::size_t>(i)].second = std::nan("");
  const std::string svg = chart.svg();
  EXPECT_LT(svg.size(), 40000u);
  const auto strokes = strokes_of(svg, "a");
  ASSERT_EQ(strokes.size(), 2u);
  EXPECT_LE(strokes[0].size() + strokes[1].size(), 2002u);
  const auto by_y = [](const auto& a, const auto& b) { return a.second < b.second; };
  const auto [top, bottom] = std::minmax_element(strokes[1].begin(), strokes[1].end(), by_y);
  const double left = strokes[0].front().first;
  const double width = strokes[1].back().first - left;
  EXPECT_NEAR((top->first - left) / width, 0.54321, 0.002);
  EXPECT_NEAR((bottom->first - left) / width, 0.77777, 0.002);
  EXPECT_NEAR((strokes[0].back().first - left) / width, 0.3, 0.002);
  EXPECT_NEAR((strokes[1].front().first - left) / width, 0.4, 0.002);
  for (const auto& stroke : strokes) {
    EXPECT_TRUE(std::is_sorted(stroke.begin(), stroke.end(),
                               [](const auto& a, const auto& b) { return a.first < b.first; }));
  }
}

TEST(LineChart, AlternatingGapsStayBounded) {
  LineChart chart{"", "", "", {{"a", {}, false}}};
  for (int i = 0; i < 100000; ++i) chart.series[0].points.emplace_back(i, i % 2 == 0 ? 1.0 : std::nan(""));
  EXPECT_LT(chart.svg().size(), 60000u);
}

TEST(LineChart, WithoutData) {
  for (const auto& series : {std::vector<ChartSeries>{}, std::vector<ChartSeries>{{"a", {}, false}},
                             std::vector<ChartSeries>{{"a", {{1, std::nan("")}, {std::nan(""), 1}}, true}}}) {
    const std::string svg = LineChart{"t", "x", "y", series}.svg();
    EXPECT_TRUE(contains(svg, "no data yet"));
    (void)parse_xml(svg);
  }
}

TEST(LineChart, ExtremeValues) {
  for (const double value : {0.0, 1e-308, 1e299, -1e299, 1e308}) {
    for (const bool log_x : {false, true}) {
      LineChart chart{"", "", "", {{"a", {{value, value}, {2 * value, 1}, {-value, 3}}, false}}, log_x};
      const std::string svg = chart.svg();
      (void)parse_xml(svg);
      EXPECT_FALSE(contains(svg, "nan"));
      EXPECT_FALSE(contains(svg, "inf"));
    }
  }
}

TEST(LineChart, TextsAreEscapedAndSeriesToldApart) {
  LineChart chart{"<t> & \"q\"", "<x>", "<y>", {}};
  for (int i = 0; i < 20; ++i)
    chart.series.push_back({"<s" + std::to_string(i) + ">", {{0, i}, {1, i}}, i == 1});
  const std::string svg = chart.svg();
  std::vector<std::string> looks;
  for (const XmlElement& element : parse_xml(svg)) {
    if (element.name == "path" && element.attributes.contains("class") &&
        contains(element.attributes.at("class"), "series")) {
      looks.push_back(element.attributes.at("class"));
    }
  }
  ASSERT_EQ(looks.size(), 40u);  // legend and line
  EXPECT_EQ(looks[20], "series s0");
  EXPECT_EQ(looks[21], "series s1 dashed");
  EXPECT_EQ(looks[28], "series s0 dashed");
  EXPECT_TRUE(std::equal(looks.begin(), looks.begin() + 20, looks.begin() + 20));
}

}  // namespace
}  // namespace filigree::run
