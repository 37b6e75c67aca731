#include "filigree/run/svg_bitmap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <set>

#include "filigree/base/test_support.h"
#include "filigree/run/test_xml.h"

namespace filigree::run {
namespace {

using test::contains;

struct Picture {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::map<std::pair<std::int64_t, std::int64_t>, double> cells;  // opacity by row and column
  int paths = 0;
};

// Reads a picture back: each "M column row" starts a row, each "m d 0" skips, each "h n" draws.
Picture read(const std::string& svg) {
  Picture picture;
  for (const XmlElement& element : parse_xml(svg)) {
    if (element.name == "rect") {
      picture.columns = std::stoll(element.attributes.at("width"));
      picture.rows = std::stoll(element.attributes.at("height"));
    }
    if (element.name != "path") continue;
    ++picture.paths;
    const auto shade = element.attributes.find("stroke-opacity");
    const double opacity = shade == element.attributes.end() ? 1 : std::stod(shade->second);
    const std::string& data = element.attributes.at("d");
    std::int64_t row = 0;
    std::int64_t column = 0;
    for (std::size_t at = 0; at < data.size();) {
      const char command = data[at++];
      std::size_t used = 0;
      const std::int64_t first = std::stoll(data.substr(at), &used);
      at += used;
      if (command == 'h') {
        for (std::int64_t i = 0; i < first; ++i) {
          EXPECT_TRUE(picture.cells.emplace(std::pair(row, column++), opacity).second) << "drawn twice";
        }
        continue;
      }
      const std::int64_t second = std::stoll(data.substr(at), &used);
      at += used;
      column = command == 'M' ? first : column + first;
      row = command == 'M' ? second : row + second;
    }
  }
  return picture;
}

TEST(BitmapSvg, DrawsExactlyTheCells) {
  std::mt19937 random(1);
  const std::pair<std::int64_t, std::int64_t> shapes[] = {{1, 1},   {1, 7},     {9, 1},
                                                          {16, 16}, {256, 256}, {31, 250}};
  for (const auto& [rows, columns] : shapes) {
    for (const unsigned percent : {0u, 10u, 60u, 100u}) {
      std::vector<std::int64_t> cells;
      for (std::int64_t cell = 0; cell < rows * columns; ++cell) {
        if (random() % 100 < percent) cells.push_back(cell);
      }
      std::shuffle(cells.begin(), cells.end(), random);
      const Picture picture = read(bitmap_svg(rows, columns, cells));
      EXPECT_EQ(picture.rows, rows);
      EXPECT_EQ(picture.columns, columns);
      EXPECT_EQ(picture.paths, cells.empty() ? 0 : 1);
      std::map<std::pair<std::int64_t, std::int64_t>, double> expected;
      for (const std::int64_t cell : cells) expected[{cell / columns, cell % columns}] = 1;
      EXPECT_EQ(picture.cells, expected);
    }
  }
}

TEST(BitmapSvg, IsCompact) {
  std::mt19937 random(1);
  std::vector<std::int64_t> cells;
  for (std::int64_t cell = 0; cell < 256 * 256; ++cell) {
    if (random() % 10 == 0) cells.push_back(cell);
  }
  EXPECT_LT(bitmap_svg(256, 256, cells).size(), 10 * cells.size());
}

TEST(BitmapSvg, LargeMatricesArePooled) {
  // 2 x 2 cells to a region, 4 x 4 to the next size; the left half full, the right half half full.
  const std::int64_t rows = 300;
  const std::int64_t columns = 500;
  std::vector<std::int64_t> cells;
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      if (c < 250 || r % 2 == 0) cells.push_back(r * columns + c);
    }
  }
  const std::string svg = bitmap_svg(rows, columns, cells);
  const Picture picture = read(svg);
  EXPECT_EQ(picture.rows, 150);
  EXPECT_EQ(picture.columns, 250);
  EXPECT_EQ(picture.cells.size(), 150u * 250u);
  EXPECT_EQ((picture.cells.at({0, 124})), 1);
  EXPECT_EQ((picture.cells.at({149, 125})), 0.5);
  EXPECT_TRUE(contains(svg, "the darkest regions have 100 % set"));
}

TEST(BitmapSvg, OneCellInALargeMatrixIsSeen) {
  const std::vector<std::int64_t> cells = {99999LL * 100000 + 99999};
  const Picture picture = read(bitmap_svg(100000, 100000, cells));
  ASSERT_EQ(picture.cells.size(), 1u);
  EXPECT_EQ(picture.cells.begin()->first,
            (std::pair<std::int64_t, std::int64_t>(picture.rows - 1, picture.columns - 1)));
}

TEST(IntensitySvg, ShadesByIntensity) {
  const std::vector<float> intensities = {0, 0.5f, 1, 2, -1, NAN, 0.01f, 0.76f};
  const Picture picture = read(intensity_svg(2, 4, intensities));
  const std::map<std::pair<std::int64_t, std::int64_t>, double> expected = {
      {{0, 1}, 0.5}, {{0, 2}, 1}, {{0, 3}, 1}, {{1, 2}, 0.125}, {{1, 3}, 0.75}};
  EXPECT_EQ(picture.cells, expected);
}

TEST(IntensitySvg, LargeMatricesAreAveraged) {
  const std::int64_t rows = 512;
  const std::int64_t columns = 511;
  std::vector<float> intensities;
  for (std::int64_t i = 0; i < rows * columns; ++i) intensities.push_back(i % columns % 2 == 0 ? 1.0f : 0.0f);
  const Picture picture = read(intensity_svg(rows, columns, intensities));
  EXPECT_EQ(picture.rows, 256);
  EXPECT_EQ(picture.columns, 256);
  EXPECT_EQ((picture.cells.at({3, 4})), 0.5);
  EXPECT_EQ((picture.cells.at({3, 255})), 1);  // the last region has one column, a full one
}

TEST(BitmapSvg, MistakesOfTheCallerAreCaught) {
  const std::vector<std::int64_t> outside = {6};
  const std::vector<std::int64_t> negative = {-1};
  EXPECT_THROW((void)bitmap_svg(2, 3, outside), std::invalid_argument);
  EXPECT_THROW((void)bitmap_svg(2, 3, negative), std::invalid_argument);
  EXPECT_THROW((void)bitmap_svg(0, 3, {}), std::invalid_argument);
  EXPECT_THROW((void)intensity_svg(2, 3, std::vector<float>(5)), std::invalid_argument);
}

}  // namespace
}  // namespace filigree::run
