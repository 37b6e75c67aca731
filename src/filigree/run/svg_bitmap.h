// Pictures of matrices as inline SVG: which cells are set, or how dense each region is.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace filigree::run {

// Cells drawn one by one up to this many rows and columns; above it they are pooled.
inline constexpr std::int64_t kBitmapCells = 256;

// A sparsity pattern: `cells` are the set ones as row * columns + column, in any order. Up to kBitmapCells
// rows and columns each cell is drawn (one path for all); above, square regions are shaded by the share of
// their cells that is set, the fullest region darkest (its share is in the picture's title).
// Errors: std::invalid_argument for a cell outside the matrix.
std::string bitmap_svg(std::int64_t rows, std::int64_t columns, std::span<const std::int64_t> cells);

// Intensities of rows x columns, row-major, 0 (background) to 1 (full); averaged over regions where
// there are more than kBitmapCells. Drawn in 8 shades, one path each.
std::string intensity_svg(std::int64_t rows, std::int64_t columns, std::span<const float> intensities);

}  // namespace filigree::run
