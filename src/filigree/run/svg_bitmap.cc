#include "filigree/run/svg_bitmap.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

namespace filigree::run {
namespace {

constexpr int kShades = 8;
constexpr std::int64_t kFine = 100;  // a picture of more cells to a side needs more room on the page

// A picture of levels 0 (background) to kShades, row-major.
struct Levels {
  std::int64_t rows;
  std::int64_t columns;
  std::vector<std::uint8_t> cells;
};

// One path for all cells of `level`: each run of cells in a row is a line one unit wide.
std::string path_of(const Levels& picture, int level) {
  std::string data;
  for (std::int64_t r = 0; r < picture.rows; ++r) {
    const std::uint8_t* row = picture.cells.data() + r * picture.columns;
    std::int64_t last = -1;  // where the pen stands in this row
    for (std::int64_t c = 0; c < picture.columns;) {
      if (row[c] != level) {
        ++c;
        continue;
      }
      std::int64_t end = c;
      while (end < picture.columns && row[end] == level) ++end;
      data += last < 0 ? fmt::format("M{} {}", c, r) : fmt::format("m{} 0", c - last);
      data += fmt::format("h{}", end - c);
      last = c = end;
    }
  }
  return data;
}

std::string draw(const Levels& picture, const std::string& description) {
  std::string out = fmt::format(
      "<svg class=\"bitmap{3}\" viewBox=\"0 0 {0} {1}\" role=\"img\" aria-label=\"{2}\"><title>{2}</title>"
      "<rect class=\"ground\" width=\"{0}\" height=\"{1}\"/><g transform=\"translate(0 .5)\">",
      picture.columns, picture.rows, description,
      std::max(picture.rows, picture.columns) > kFine ? " fine" : "");
  for (int level = 1; level <= kShades; ++level) {
    const std::string data = path_of(picture, level);
    if (data.empty()) continue;
    const std::string opacity =
        level < kShades ? fmt::format(" stroke-opacity=\"{}\"", static_cast<double>(level) / kShades) : "";
    out += fmt::format("<path class=\"cells\"{} d=\"{}\"/>", opacity, data);
  }
  return out + "</g></svg>\n";
}

// Cells to a side of the square regions that are drawn as one: the proportions of the matrix stay.
std::int64_t region_side(std::int64_t rows, std::int64_t columns) {
  return (std::max(rows, columns) + kBitmapCells - 1) / kBitmapCells;
}

// The level of a share of the full scale; anything above nothing is seen.
std::uint8_t level_of(double share) {
  if (!(share > 0)) return 0;
  return static_cast<std::uint8_t>(std::clamp(static_cast<int>(std::lround(share * kShades)), 1, kShades));
}

// Sums over the regions, and their numbers of cells, fewer at the right and at the lower edge.
class Regions {
 public:
  Regions(std::int64_t rows, std::int64_t columns)
      : side_(region_side(rows, columns)),
        height_((rows + side_ - 1) / side_),
        width_((columns + side_ - 1) / side_) {
    for (std::int64_t r = 0; r < rows; r += side_) {
      for (std::int64_t c = 0; c < columns; c += side_) {
        counts_.push_back(std::min(side_, rows - r) * std::min(side_, columns - c));
      }
    }
    sums_.resize(counts_.size());
  }

  void add(std::int64_t row, std::int64_t column, double value) {
    sums_[static_cast<std::size_t>(row / side_ * width_ + column / side_)] += value;
  }

  double mean(std::size_t region) const { return sums_[region] / static_cast<double>(counts_[region]); }
  double largest_mean() const {
    double largest = 0;
    for (std::size_t i = 0; i < sums_.size(); ++i) largest = std::max(largest, mean(i));
    return largest;
  }

  // Means as levels, `full` being the darkest.
  Levels levels(double full) const {
    Levels picture{height_, width_, std::vector<std::uint8_t>(sums_.size())};
    for (std::size_t i = 0; i < sums_.size(); ++i) picture.cells[i] = level_of(mean(i) / full);
    return picture;
  }

 private:
  std::int64_t side_;
  std::int64_t height_;
  std::int64_t width_;
  std::vector<double> sums_;
  std::vector<std::int64_t> counts_;
};

void check_size(std::int64_t rows, std::int64_t columns) {
  if (rows < 1 || columns < 1) throw std::invalid_argument("a picture has at least one row and one column");
}

}  // namespace

std::string bitmap_svg(std::int64_t rows, std::int64_t columns, std::span<const std::int64_t> cells) {
  check_size(rows, columns);
  Regions regions(rows, columns);
  for (const std::int64_t cell : cells) {
    if (cell < 0 || cell / columns >= rows) throw std::invalid_argument("a cell outside the matrix");
    regions.add(cell / columns, cell % columns, 1);
  }
  std::string description = fmt::format("{} x {} cells, {} of them set", rows, columns, cells.size());
  double full = 1;
  if (region_side(rows, columns) > 1) {
    // A tenth of the cells set would be a uniform pale grey on an absolute scale.
    full = std::max(regions.largest_mean(), 1e-300);
    description += fmt::format("; the darkest regions have {:.3g} % set", 100 * regions.largest_mean());
  }
  return draw(regions.levels(full), description);
}

std::string intensity_svg(std::int64_t rows, std::int64_t columns, std::span<const float> intensities) {
  check_size(rows, columns);
  if (static_cast<std::int64_t>(intensities.size()) != rows * columns) {
    throw std::invalid_argument("one intensity for each cell");
  }
  Regions regions(rows, columns);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      const float value = intensities[static_cast<std::size_t>(r * columns + c)];
      regions.add(r, c, std::isnan(value) ? 0.0 : std::clamp(static_cast<double>(value), 0.0, 1.0));
    }
  }
  return draw(regions.levels(1), fmt::format("{} x {} intensities", rows, columns));
}

}  // namespace filigree::run
