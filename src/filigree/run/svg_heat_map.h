// Heat maps of ratios as inline SVG, many small ones side by side.
#pragma once

#include <string>
#include <vector>

namespace filigree::run {

// A panel for each pair of a panel row and a panel column; in each a cell for each pair of a row and a
// column, coloured by the logarithm of its value: below 1 orange, 1 pale, above 1 blue, and its value written
// in it. The scale ends at `most` and 1 / `most`.
struct HeatMap {
  std::string title;
  std::vector<std::string> panel_rows = {};
  std::vector<std::string> panel_columns = {};
  std::string row_label = {};
  std::string column_label = {};
  std::vector<std::string> rows = {};
  std::vector<std::string> columns = {};
  // [panel row][panel column][row][column]; NaN: no value, grey.
  std::vector<double> values = {};
  double most = 10;

  // Errors: std::invalid_argument where `values` does not have the number of cells.
  std::string svg() const;
};

}  // namespace filigree::run
