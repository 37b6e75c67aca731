// Where the non-zero blocks of a block-sparse row matrix are. The values live elsewhere (a tensor, its
// gradient, both Adam moments), all in the order that the pattern gives.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "filigree/base/philox.h"
#include "filigree/sparse/block_shape.h"

namespace filigree::sparse {

class Refinement;
class RunIndex;

// A pattern of blocks of one of kBlockShapes that is valid from its construction on and does not change (but
// for that of a DynamicBsrPattern). Values of a matrix with this pattern are [block_count][block rows][block
// columns]: blocks in row order (by block row, then by block column), each block row-major (outputs x inputs
// of a layer). The last block row and column may reach behind the matrix's edge (a ragged pattern): finite
// values there count for nothing, and their gradients are zero.
class BsrPattern {
 public:
  // rows x columns in elements. row_offsets: rows / block.rows + 1 numbers, the blocks of block row r are
  // [row_offsets[r], row_offsets[r + 1]). column_indices: the block column of each block, rising within
  // a block row.
  // There may be no block at all.
  // Errors (usage): a block that is not in kBlockShapes; a dimension that is not positive, or too large
  // for 32-bit block indices. Errors (bad data): offsets that do not start at 0, fall, or end elsewhere than
  // the indices do; an index out of range, repeated or unsorted.
  BsrPattern(std::int64_t rows, std::int64_t columns, BlockShape block, std::vector<std::int32_t> row_offsets,
             std::vector<std::int32_t> column_indices);

  // `count` different blocks, uniformly at random (Floyd's algorithm; Bentley, CACM 30(9), 1987).
  // Errors (usage): as above; a count below 1 or above the number of places.
  static BsrPattern random(std::int64_t rows, std::int64_t columns, BlockShape block, std::int64_t count,
                           Philox& random);

  // The parts below each other (q, k and v of attention): values are the parts' values one after another.
  // Errors (usage): no part; parts that differ in columns or block; a part but the last whose rows end within
  // a block.
  static BsrPattern stack(std::span<const BsrPattern* const> parts);

  // The parts along the diagonal, which is how a product has groups (of a grouped layer): each part's outputs
  // from its own inputs. Values are the parts' values one after another. Errors (usage): no part; parts that
  // differ in block; a part but the last that ends within a block.
  static BsrPattern block_diagonal(std::span<const BsrPattern* const> parts);

  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }
  BlockShape block() const { return block_; }
  std::int64_t block_rows() const { return (rows_ + block_.rows - 1) / block_.rows; }
  std::int64_t block_columns() const { return (columns_ + block_.columns - 1) / block_.columns; }
  bool ragged() const { return rows_ % block_.rows != 0 || columns_ % block_.columns != 0; }
  std::int64_t block_count() const { return static_cast<std::int64_t>(column_indices_.size()); }
  std::int64_t value_count() const { return block_count() * block_.values(); }
  // For how many values products keep memory: those of a pattern that DynamicBsrPattern may yet encode.
  std::int64_t value_capacity() const { return std::max(capacity_, block_count()) * block_.values(); }
  double density() const;

  std::span<const std::int32_t> row_offsets() const { return row_offsets_; }
  std::span<const std::int32_t> column_indices() const { return column_indices_; }

  // The same blocks by column: those of block column c are [column_offsets[c], column_offsets[c + 1]) of
  // row_indices (their block rows, rising) and block_positions (their places in row order).
  std::span<const std::int32_t> column_offsets() const { return column_offsets_; }
  std::span<const std::int32_t> row_indices() const { return row_indices_; }
  std::span<const std::int32_t> block_positions() const { return block_positions_; }

  // The order in which dsd and dsd_transposed take blocks of 1. Made when it is first asked for, by one
  // thread, and shared with copies of the pattern.
  const RunIndex& row_runs() const;
  const RunIndex& column_runs() const;
  // A ragged pattern's blocks in a matrix that they fill.
  const BsrPattern& padded() const;
  // The elements of padded() in blocks of the size that kernels have, for products that lack this size.
  const Refinement& refinement() const;

  // Calls body(position, block_row, block_column) for each block in row order.
  template <typename Body>
  void for_each_block(Body&& body) const {
    for (std::int64_t r = 0; r < block_rows(); ++r) {
      const auto row = static_cast<std::size_t>(r);
      for (std::int64_t i = row_offsets_[row]; i < row_offsets_[row + 1]; ++i) {
        body(i, r, static_cast<std::int64_t>(column_indices_[static_cast<std::size_t>(i)]));
      }
    }
  }

  bool operator==(const BsrPattern& other) const;

 private:
  struct LazyIndices;

  friend class DynamicBsrPattern;
  friend class Refinement;

  // A pattern without blocks, of a shape that was checked, that assign() can give up to `capacity` of them
  // without allocating.
  BsrPattern(std::int64_t rows, std::int64_t columns, BlockShape block, std::int64_t capacity);
  // Takes other blocks, and makes the orders that were asked for before anew. Errors: as the constructor; the
  // pattern stays as it was then. Not while others read it.
  void assign(std::span<const std::int32_t> row_offsets, std::span<const std::int32_t> column_indices);
  void check(std::span<const std::int32_t> row_offsets, std::span<const std::int32_t> column_indices) const;
  void index_columns();

  std::int64_t rows_;
  std::int64_t columns_;
  BlockShape block_;
  std::int64_t capacity_ = 0;
  std::vector<std::int32_t> row_offsets_;
  std::vector<std::int32_t> column_indices_;
  std::vector<std::int32_t> column_offsets_;
  std::vector<std::int32_t> row_indices_;
  std::vector<std::int32_t> block_positions_;
  std::shared_ptr<LazyIndices> lazy_indices_;
};

// The number of blocks nearest to `density`, at least one.
// Errors (usage): a density outside (0, 1]; dimensions and block as in BsrPattern.
std::int64_t block_count_for_density(std::int64_t rows, std::int64_t columns, BlockShape block,
                                     double density);

}  // namespace filigree::sparse
