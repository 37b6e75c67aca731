// What products.cc asks of kernels: plain structs of pointers, and the table that names a kernel for
// each block size. Kernels run on one thread, know nothing of patterns' classes and check nothing.
#pragma once

#include <algorithm>
#include <cstdint>

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
  const T* bias;
  bool accumulate;
  // dds_scratch(block, x_columns) elements, aligned to 64 bytes.
  T* scratch;
};

// For each output group g in [first_group, last_group) and each column c:
//   y[g, c] = start + sum over the group's blocks q of block q times x[others[q], c],
// where start is the bias, plus y[g, c] where `accumulate`. x and y are row-major. Sums run as in DdsTask.
template <typename T>
struct DsdTask {
  const T* x;
  std::int64_t x_stride;
  std::int64_t x_rows;
  T* y;
  std::int64_t y_stride;
  std::int64_t columns;
  GroupedBlocks blocks;
  std::int64_t first_group;
  std::int64_t last_group;
  const T* values;
  // Block values are [input][output] in place of [output][input].
  bool transposed;
  const T* bias;
  bool accumulate;
  // What may be taken of the second-level cache.
  std::int64_t cache_bytes;
  // dsd_scratch(x_rows) elements, aligned to 64 bytes.
  T* scratch;
  // last_group elements.
  std::int32_t* cursors;
};

// gradient[positions[q]][i][j] = sum over tokens t of dy[t, i of its block row] * x[t, j of its block
// column], plus gradient where `accumulate`, for the blocks of groups [first_group, last_group). Groups are
// block rows, or block columns where `by_columns`.
template <typename T>
struct SddTask {
  const T* dy;
  std::int64_t dy_stride;
  std::int64_t dy_columns;
  const T* x;
  std::int64_t x_stride;
  std::int64_t x_columns;
  std::int64_t tokens;
  GroupedBlocks blocks;
  bool by_columns;
  std::int64_t first_group;
  std::int64_t last_group;
  T* gradient;
  bool accumulate;
  // sdd_scratch(columns of the side that is not grouped) elements, aligned to 64 bytes.
  T* scratch;
};

// How dds kernels want a block's b x b values: [input][output] to make vectors of outputs, or
// [output][input] to make vectors of inputs.
enum class ValueOrder { kByInput, kByOutput };
constexpr ValueOrder value_order(int block) {
  return block >= 8 ? ValueOrder::kByInput : ValueOrder::kByOutput;
}

template <typename T>
using DdsKernel = void (*)(const DdsTask<T>&);
template <typename T>
using DsdKernel = void (*)(const DsdTask<T>&);
template <typename T>
using SddKernel = void (*)(const SddTask<T>&);

// Tokens per tile that a dds kernel copies at once: at most this many.
constexpr std::int64_t max_tile_tokens(int block) { return block == 1 ? 64 : 16; }
// Tasks of a multiple of this many tokens leave no part of a tile, on any instruction set.
constexpr std::int64_t whole_tiles(int block) { return block == 1 ? 64 : 48; }
// Two tiles of x for blocks of 8 and 16; one for 1 and 4, and a tile of 16 outputs.
constexpr std::int64_t dds_scratch(int block, std::int64_t x_columns) {
  return max_tile_tokens(block) * (block >= 8 ? 2 * x_columns : x_columns + 16);
}

// Columns of x that a dsd kernel copies at once: at most this many.
constexpr std::int64_t kPanelColumns = 96;
constexpr std::int64_t dsd_scratch(std::int64_t x_rows) { return kPanelColumns * x_rows; }

// Tokens that an sdd kernel copies at once, so that the copy of a side of `columns` stays in L2.
constexpr std::int64_t sdd_chunk(std::int64_t columns) {
  constexpr std::int64_t kElements = 1 << 16;
  return std::clamp<std::int64_t>(kElements / columns / 16 * 16, 32, 256);
}
// Columns of the grouped side that are copied at once.
constexpr std::int64_t kSddColumns = 16;
// Two copies of each.
constexpr std::int64_t sdd_scratch(std::int64_t columns) {
  return 2 * sdd_chunk(columns) * (columns + kSddColumns);
}

// The kernels for the instruction set in use.
template <typename T>
DdsKernel<T> dds_kernel(int block);
template <typename T>
DsdKernel<T> dsd_kernel(int block);
template <typename T>
SddKernel<T> sdd_kernel(int block);

// The parts of the table. Plain loops serve double, and float where no instruction set is known.
template <typename T>
DdsKernel<T> plain_dds(int block);
template <typename T>
DsdKernel<T> plain_dsd(int block);
template <typename T>
SddKernel<T> plain_sdd(int block);
// Blocks of 8 and 16: vectors hold a block's outputs (dds) or inputs (sdd).
DdsKernel<float> wide_dds(int block);
SddKernel<float> wide_sdd(int block);
// Blocks of 1 and 4: vectors hold tokens, times a block's inputs.
DdsKernel<float> narrow_dds(int block);
SddKernel<float> narrow_sdd(int block);

// Vectors hold columns.
DsdKernel<float> simd_dsd(int block);

}  // namespace filigree::sparse::kernels
