// The shapes of blocks that patterns may have.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace filigree::sparse {

// Rows x columns of a block, in elements: of a layer's weights, outputs x inputs.
struct BlockShape {
  int rows;
  int columns;

  // A square block is named by its side.
  constexpr BlockShape(int side) : rows(side), columns(side) {}  // NOLINT(google-explicit-constructor)
  constexpr BlockShape(int block_rows, int block_columns) : rows(block_rows), columns(block_columns) {}

  constexpr std::int64_t values() const { return std::int64_t{rows} * columns; }
  constexpr bool square() const { return rows == columns; }
  constexpr BlockShape transposed() const { return {columns, rows}; }
  // "16", or "16x1": 16 rows, one column.
  std::string text() const;

  constexpr bool operator==(const BlockShape&) const = default;
};

inline constexpr BlockShape kBlockShapes[] = {1, 2, 4, 8, 16, 32, 64, {1, 16}, {16, 1}, {4, 1}};
bool is_block_shape(BlockShape shape);
// "1, 2, 4, ...", for messages; and those of squares alone.
std::string block_shapes_text();
std::string block_sizes_text();

// As text() writes it. Errors (usage): anything that is not in kBlockShapes.
BlockShape parse_block_shape(std::string_view text);

}  // namespace filigree::sparse
