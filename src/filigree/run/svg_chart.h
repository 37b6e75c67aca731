// Line charts as inline SVG, for reports. Colours come from the page's style sheet (report.h), so that one
// picture serves light and dark.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace filigree::run {

struct ChartSeries {
  std::string name;
  std::vector<std::pair<double, double>> points;  // by rising x; a NaN or infinite y (or x) leaves a gap
  bool dashed = false;
};

struct LineChart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<ChartSeries> series;
  bool log_x = false;  // points with x <= 0 are left out

  // The picture, with axes, grid and legend. Series of more than 2,000 points are thinned: in each of 1,000
  // columns the lowest and the highest point stay.
  std::string svg() const;
};

}  // namespace filigree::run
