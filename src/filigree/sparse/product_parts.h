// What the products share between their checks and their kernels. Not for users.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "filigree/base/aligned.h"
#include "filigree/base/error.h"
#include "filigree/numerics/matrix_view.h"
#include "filigree/sparse/bsr_pattern.h"
#include "filigree/sparse/kernels/kernels.h"

namespace filigree::sparse {

using kernels::GroupedBlocks;

// Errors (usage): a view that is not rows x columns.
template <typename T>
void check_view(const char* product, const char* name, const MatrixView<T>& view, std::int64_t rows,
                std::int64_t columns) {
  if (view.rows != rows || view.columns != columns || view.stride < columns) {
    fail_usage("{}: {} is {} x {} with a row stride of {}; it must be {} x {} with a stride of at least {}",
               product, name, view.rows, view.columns, view.stride, rows, columns, columns);
  }
}

inline GroupedBlocks blocks_by_row(const BsrPattern& w) {
  return {w.row_offsets().data(), w.column_indices().data(), nullptr};
}

inline GroupedBlocks blocks_by_column(const BsrPattern& w) {
  return {w.column_offsets().data(), w.row_indices().data(), w.block_positions().data()};
}

// What memory that a thread keeps from call to call is for.
enum class Scratch {
  kKernel,       // what a kernel copies
  kCall,         // what a call prepares
  kFineValues,   // values in refined blocks
  kPaddedInput,  // copies of ragged operands
  kPaddedSecond,
  kPaddedOutput,
  kDense,            // a matrix with its zeros
  kConvertedValues,  // operands in another format
  kConvertedActivations,
};

template <Scratch kPurpose, typename T>
T* scratch(std::int64_t count) {
  thread_local AlignedVector<T> memory;
  if (static_cast<std::int64_t>(memory.size()) < count) memory.resize(static_cast<std::size_t>(count));
  return memory.data();
}

inline std::int32_t* index_scratch(std::int64_t count) {
  thread_local std::vector<std::int32_t> scratch;
  if (static_cast<std::int64_t>(scratch.size()) < count) scratch.resize(static_cast<std::size_t>(count));
  return scratch.data();
}

// The first group at which at least `part` of `parts` of all blocks lie behind.
inline std::int64_t group_bound(const GroupedBlocks& blocks, std::int64_t groups, std::int64_t part,
                                std::int64_t parts) {
  if (part == parts) return groups;
  const std::int64_t target = blocks.offsets[groups] * part / parts;
  return std::lower_bound(blocks.offsets, blocks.offsets + groups, target) - blocks.offsets;
}

}  // namespace filigree::sparse
