// What products.cc, dsd.cc and sdd.cc ask of kernels: plain structs of pointers, and the table that names a
// kernel for each block size. Kernels run on one thread, know nothing of patterns' classes and check nothing.
#pragma once

#include <algorithm>
#include <cstdint>

#include "filigree/numerics/bfloat16.h"
#include "filigree/sparse/block_shape.h"

namespace filigree::sparse::kernels {

// Blocks grouped by one side of a matrix: those of group g are [offsets[g], offsets[g + 1]); the q-th of
// all is in group others[q] of the other side, and its values are block positions[q] (or block q, where
// positions is nullptr).
struct GroupedBlocks {
  const std::int32_t* offsets;
  const std::int32_t* others;
  const std::int32_t* positions;

  std::int64_t position(std::int64_t q) const { return positions == nullptr ? q : positions[q]; }
};

// The blocks [begin, begin + count) of those in the order of runs, all of one group, and where their values
// begin.
struct BlockRun {
  std::int32_t group;
  std::int32_t begin;
  std::int32_t count;
  std::int32_t values;
};

// The order in which single elements are taken: see RunIndex.
struct SingleRuns {
  const BlockRun* runs;
  const std::int32_t* section_offsets;
  std::int64_t part_size;
};

// What products of T are summed in.
template <typename T>
struct SumType {
  using Type = T;
};
template <>
struct SumType<BFloat16> {
  using Type = float;
};
template <typename T>
using SumOf = typename SumType<T>::Type;

// For each token t and each output group g in [first_group, last_group):
//   y[t, g] = start + sum over the group's blocks q of x[t, others[q]] times block q,
// where start is the bias, plus y[t, g] where `accumulate`. The sum runs in the order of blocks and, within
// a block, of inputs: which tokens and groups one task holds changes no bit.
template <typename T>
struct DdsTask {
  const T* x;
  std::int64_t x_stride;
  std::int64_t x_columns;
  T* y;
  std::int64_t y_stride;
  std::int64_t tokens;
  // Rows of x behind these tokens: worth prefetching, as the same thread is likely to need them next.
  std::int64_t tokens_behind;
  GroupedBlocks blocks;
  std::int64_t first_group;
  std::int64_t last_group;
  // Blocks are stored as the kernel wants them: see ValueOrder.
  const T* values;
  // Of ValueOrder::kStored: block values are [input][output] in place of [output][input].
  bool transposed;
  const T* bias;
  bool accumulate;
  // dds_scratch(block, x_columns, outputs) elements, aligned to 64 bytes.
  T* scratch;
};

// Blocks are outputs x inputs of the task: where it is transposed, those of W are inputs x outputs.
// For each output group g in [first_group, last_group) and each column c:
//   y[g, c] = activation(start + sum over the group's blocks q of block q times x[others[q], c]),
// where start is the bias, plus y[g, c] where `accumulate`. x and y are row-major. Sums run as in DdsTask;
// for blocks of 1 by runs (see below), a few at a time. Which columns and groups one task holds changes no
// bit.
template <typename T>
struct DsdTask {
  const T* x;
  std::int64_t x_stride;
  std::int64_t x_rows;
  T* y;
  std::int64_t y_stride;
  std::int64_t columns;
  // Columns of x that are copied at once, at most: 1 to kPanelColumns.
  std::int64_t panel_columns;
  GroupedBlocks blocks;
  std::int64_t first_group;
  std::int64_t last_group;
  const T* values;
  // Block values are [input][output] in place of [output][input]; those of BF16 [input / 2][output][2].
  bool transposed;
  const T* bias;
  bool accumulate;
  // dsd_scratch(block, x_rows, columns) elements, aligned to 64 bytes.
  T* scratch;
  // Of complete rows of sums, in place; or nullptr.
  void (*activation)(SumOf<T>* sums, std::int64_t columns);
  // For blocks of 1: all of them in the order of runs; the values of a run lie one behind the other.
  SingleRuns runs;
  const std::int32_t* run_others;
  const T* run_values;
};

// w x for at most kFewColumns columns of x, whole: how it sums depends on their number.
constexpr std::int64_t kFewColumns = 8;
// Columns that x has in memory where blocks are single elements: unused ones behind the last.
constexpr std::int64_t few_width(std::int64_t columns) { return columns == 1 ? 1 : columns <= 4 ? 4 : 8; }

struct FewTask {
  // [block of inputs][column][input], or [input][few_width(columns)], aligned to as many, of single elements.
  const float* x;
  std::int64_t columns;
  float* y;
  std::int64_t y_row_stride;
  std::int64_t y_column_stride;
  // By row, in order: positions is nullptr.
  GroupedBlocks blocks;
  std::int64_t first_group;
  std::int64_t last_group;
  const float* values;
  const float* bias;
  bool accumulate;
};

// One operand of an sdd product. Its rows are features, or tokens.
template <typename T>
struct SddSide {
  const T* data;
  std::int64_t stride;
  bool rows_are_features;

  const T* at(std::int64_t feature, std::int64_t token) const {
    return rows_are_features ? data + feature * stride + token : data + token * stride + feature;
  }
};

// gradient[q][i][j] = sum over tokens of dy[i of q's block row] * x[j of q's block column], plus gradient
// where `accumulate`, for the blocks in block rows [first_group, last_group) and block columns [first_column,
// last_column).
template <typename T>
struct SddTask {
  SddSide<T> dy;
  SddSide<T> x;
  std::int64_t tokens;
  // Tokens that are copied at a time: a multiple of 16.
  std::int64_t chunk;
  // By row.
  GroupedBlocks blocks;
  std::int64_t first_group;
  std::int64_t last_group;
  std::int64_t first_column;
  std::int64_t last_column;
  T* gradient;
  bool accumulate;
  // sdd_scratch(block, columns, chunk) elements, aligned to 64 bytes.
  T* scratch;
  // Two elements for each group.
  std::int32_t* bounds;
};

// How dds kernels want a block's values: [input][output] to make vectors of outputs, [output][input] to make
// vectors of inputs, or as they are.
enum class ValueOrder { kByInput, kByOutput, kStored };
constexpr ValueOrder value_order(BlockShape block) {
  if (!block.square() || block == 2) return ValueOrder::kStored;
  return block.rows >= 8 ? ValueOrder::kByInput : ValueOrder::kByOutput;
}

template <typename T>
using DdsKernel = void (*)(const DdsTask<T>&);
template <typename T>
using DsdKernel = void (*)(const DsdTask<T>&);
template <typename T>
using SddKernel = void (*)(const SddTask<T>&);

// Whether dds and sdd have kernels for a block; those of sdd take its side. dsd has them for all.
constexpr bool has_dds(BlockShape block) { return block.rows <= 16 && block.columns <= 16; }
constexpr bool has_sdd(BlockShape block) { return block.square() && has_dds(block) && block != 2; }

// Tokens per tile that a dds kernel copies at once: at most this many.
constexpr std::int64_t max_tile_tokens(BlockShape block) {
  return block == 1 || value_order(block) == ValueOrder::kStored ? 64 : 16;
}
// Tasks of a multiple of this many tokens leave no part of a tile, on any instruction set.
constexpr std::int64_t whole_tiles(BlockShape block) { return max_tile_tokens(block) == 64 ? 64 : 48; }

// Tasks of dsd begin at whole vectors, on any instruction set.
constexpr std::int64_t kColumnStep = 16;
// Columns of x that a dsd kernel copies at once: at most this many.
constexpr std::int64_t kPanelColumns = 96;
// For blocks of 1: groups whose sums lie side by side until they are complete; rows of x in a part, at most.
constexpr std::int64_t kWindowGroups = 2048;
constexpr std::int64_t kMostPart = 1536;
// A panel of x; for blocks of 1 a part of one, and a window's sums. (Copying x in parts that fit into the
// second-level cache made larger blocks slower, even where x did not fit into any cache.)
constexpr std::int64_t dsd_scratch(BlockShape block, std::int64_t x_rows, std::int64_t columns) {
  constexpr std::int64_t kSingleColumns = 64;
  if (block == 1) return kSingleColumns * (std::min(x_rows, kMostPart) + kWindowGroups);
  return x_rows * std::min(kPanelColumns, (columns + kColumnStep - 1) / kColumnStep * kColumnStep);
}

// Two tiles of x for blocks of 8 and 16; one for 1 and 4, and a tile of 16 outputs; for others tiles of x and
// of all outputs, and what dsd needs.
constexpr std::int64_t dds_scratch(BlockShape block, std::int64_t x_columns, std::int64_t outputs) {
  const std::int64_t tile = max_tile_tokens(block);
  if (value_order(block) == ValueOrder::kStored) {
    return tile * (x_columns + outputs) + dsd_scratch(block, x_columns, tile);
  }
  return tile * (block.rows >= 8 ? 2 * x_columns : x_columns + 16);
}

// Tokens that an sdd kernel copies at a time: few enough that what is copied next fits into L2 as well, and
// for small blocks, whose sums are not in registers for long, more.
constexpr std::int64_t sdd_chunk(int block) { return block >= 8 ? 64 : 128; }
// Features of dy that are copied at a time: cache lines of each token, where tokens are rows.
constexpr std::int64_t sdd_features(int block) { return block >= 8 ? 64 : 16; }
// Copies of the task's columns of x, and of some features of dy.
constexpr std::int64_t sdd_scratch(int block, std::int64_t columns, std::int64_t chunk) {
  return (columns * block + sdd_features(block)) * chunk;
}

using FewKernel = void (*)(const FewTask&);

// The kernels for the instruction set in use.
template <typename T>
DdsKernel<T> dds_kernel(BlockShape block);
template <typename T>
DsdKernel<T> dsd_kernel(BlockShape block, std::int64_t columns);
template <typename T>
SddKernel<T> sdd_kernel(int block);
// nullptr where there is none.
FewKernel few_kernel(BlockShape block);

// The parts of the table. Plain loops serve double where nothing below does, and both where no instruction
// set is known.
template <typename T>
DdsKernel<T> plain_dds(BlockShape block);
template <typename T>
DsdKernel<T> plain_dsd(BlockShape block);
template <typename T>
SddKernel<T> plain_sdd(int block);
// Blocks of 8 and 16: vectors hold a block's outputs (dds) or inputs (sdd).
DdsKernel<float> wide_dds(int block);
SddKernel<float> wide_sdd(int block);
// Blocks of 1 and 4: vectors hold tokens, times a block's inputs.
DdsKernel<float> narrow_dds(int block);
// Blocks of 2, and those that are not square: by way of dsd.
DdsKernel<float> panel_dds(BlockShape block);
SddKernel<float> narrow_sdd(int block);

// Blocks of 2 and more, and of 1: vectors hold columns. The narrow ones have 8 lanes; they give the same
// bits.
DsdKernel<float> simd_dsd(BlockShape block);
DsdKernel<float> narrow_simd_dsd(BlockShape block);
// Those of 2 and more in double, where 4 lanes are narrow.
DsdKernel<double> double_dsd(BlockShape block);
DsdKernel<double> narrow_double_dsd(BlockShape block);
// Only for a CPU with AVX512-BF16.
DsdKernel<BFloat16> pair_dsd(BlockShape block);
DsdKernel<float> single_dsd();

}  // namespace filigree::sparse::kernels
