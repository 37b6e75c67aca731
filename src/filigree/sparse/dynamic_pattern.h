// Dynamic sparsity: a matrix whose blocks may move at any time, within room that is set aside once, as in
// PopSparse's dynamic mode (Li et al. 2023, arXiv 2303.16999, section 3.3).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "filigree/sparse/bsr_pattern.h"

namespace filigree::sparse {

// Encoding a pattern takes time linear in its blocks and allocates nothing; any pattern of at most
// capacity() blocks fits, however they are spread. Neither does a product of pattern() allocate, once each
// thread has run one of its shape. Products must not run while encode() does.
class DynamicBsrPattern {
 public:
  // Holds no block at first. Errors (usage): shape and block as in BsrPattern; a capacity below 1 or above
  // the number of places.
  DynamicBsrPattern(std::int64_t rows, std::int64_t columns, BlockShape block, std::int64_t capacity);

  std::int64_t capacity() const { return capacity_; }
  // The blocks now; for the products of products.h and dsd.h. Later encode()s change what it refers to.
  const BsrPattern& pattern() const { return pattern_; }

  // Errors (bad data): as BsrPattern; more blocks than there is room for. The pattern stays as it was then.
  void encode(std::span<const std::int32_t> row_offsets, std::span<const std::int32_t> column_indices);

  // Blocks by their coordinates, in any order. places (as many, or empty): where in the pattern's order, and
  // so in its values, each of them is. Errors (bad data): one out of range, or there twice; more than there
  // is room for. The pattern stays as it was then. Errors (usage): spans of different lengths.
  void encode_coo(std::span<const std::int32_t> block_rows, std::span<const std::int32_t> block_columns,
                  std::span<std::int32_t> places = {});

 private:
  void check_count(std::size_t blocks) const;

  std::int64_t capacity_;
  BsrPattern pattern_;
  // While coordinates are sorted.
  std::vector<std::int32_t> row_offsets_;
  std::vector<std::int32_t> column_offsets_;
  std::vector<std::int32_t> by_column_;
  std::vector<std::int32_t> column_indices_;
  std::vector<std::int32_t> sources_;
};

}  // namespace filigree::sparse
