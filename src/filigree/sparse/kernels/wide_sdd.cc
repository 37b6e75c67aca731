// sdd for blocks of 8 and 16: outer products. A vector holds a row of a block of the gradient, which stays
// in registers over a chunk of tokens; x are vectors, dy is broadcast from memory as an operand of the
// multiply-add.
//
// Both sides are copied into [group][token][block], as in wide_dds.cc: the side that is not grouped once a
// chunk (it stays in L2), the grouped side one group at a time (it stays in L1).
#include "filigree/base/simd.h"
#include "filigree/sparse/kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/sparse/kernels/wide_sdd.cc"
#include <hwy/foreach_target.h>
//
#include "filigree/sparse/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace filigree::sparse::kernels::HWY_NAMESPACE {
namespace {

#if FILIGREE_SPARSE_PLAIN

template <int kBlock>
void Sdd(const SddTask<float>& task) {
  plain_sdd<float>(kBlock)(task);
}

#else

template <int kBlock>
using Inputs = hn::CappedTag<float, kBlock>;
template <int kBlock>
constexpr int kVectors = kBlock / static_cast<int>(hn::MaxLanes(Inputs<kBlock>()));

// kRows rows of kColumns vectors of sums, over `tokens` tokens: sum[r][c] += dy[t][r] * x[c][t].
// x and gradient: one pointer for each vector of a row.
template <int kBlock, int kRows, int kColumns>
HWY_INLINE void Outer(std::int64_t tokens, const float* dy, const float* const (&x)[kColumns],
                      float* const (&gradient)[kColumns], bool add) {
  using D = Inputs<kBlock>;
  const D d;
  hn::Vec<D> sum[kRows][kColumns];
  FILIGREE_UNROLL for (int r = 0; r < kRows; ++r) {
    FILIGREE_UNROLL for (int c = 0; c < kColumns; ++c) {
      sum[r][c] = add ? hn::LoadU(d, gradient[c] + r * kBlock) : hn::Zero(d);
    }
  }
  for (std::int64_t t = 0; t < tokens; ++t) {
    hn::Vec<D> input[kColumns];
    FILIGREE_UNROLL for (int c = 0; c < kColumns; ++c) input[c] = hn::Load(d, x[c] + t * kBlock);
    FILIGREE_UNROLL for (int r = 0; r < kRows; ++r) {
      const auto output = hn::Set(d, dy[t * kBlock + r]);
      FILIGREE_UNROLL for (int c = 0; c < kColumns; ++c) sum[r][c] = hn::MulAdd(output, input[c], sum[r][c]);
    }
  }
  FILIGREE_UNROLL for (int r = 0; r < kRows; ++r) {
    FILIGREE_UNROLL for (int c = 0; c < kColumns; ++c) hn::StoreU(sum[r][c], d, gradient[c] + r * kBlock);
  }
}

// All rows of a block, as many at a time as registers hold.
template <int kBlock, int kColumns, int kRows>
HWY_INLINE void AllRows(std::int64_t tokens, const float* dy, const float* const (&x)[kColumns],
                        float* const (&gradient)[kColumns], bool add) {
  if constexpr (kManyRegisters || kColumns == 1) {
    Outer<kBlock, kRows, kColumns>(tokens, dy, x, gradient, add);
  } else {
    static_assert(kColumns == 2);
    constexpr int kPart = kRows > 8 ? 6 : 4;
    Outer<kBlock, kPart, kColumns>(tokens, dy, x, gradient, add);
    if constexpr (kRows > kPart) {
      float* const rest[] = {gradient[0] + kPart * kBlock, gradient[1] + kPart * kBlock};
      AllRows<kBlock, kColumns, kRows - kPart>(tokens, dy + kPart, x, rest, add);
    }
  }
}

// One block.
template <int kBlock>
void Single(std::int64_t tokens, const float* dy, const float* x, float* gradient, bool add) {
  if constexpr (kVectors<kBlock> == 1) {
    AllRows<kBlock, 1, kBlock>(tokens, dy, {x}, {gradient}, add);
  } else {
    static_assert(kVectors<kBlock> == 2);
    AllRows<kBlock, 2, kBlock>(tokens, dy, {x, x + kBlock / 2}, {gradient, gradient + kBlock / 2}, add);
  }
}

// Two blocks of one block row: a broadcast serves both.
template <int kBlock>
void Pair(std::int64_t tokens, const float* dy, const float* x0, const float* x1, float* gradient0,
          float* gradient1, bool add) {
  AllRows<kBlock, 2, kBlock>(tokens, dy, {x0, x1}, {gradient0, gradient1}, add);
}

// Rows [0, tokens) of `columns` columns, as [group][token][block].
template <int kBlock>
HWY_INLINE void Copy(const float* from, std::int64_t stride, std::int64_t columns, std::int64_t tokens,
                     float* to) {
  const Inputs<kBlock> d;
  // Sixteen rows at a time: their lines come from as many streams of memory.
  constexpr std::int64_t kStep = 16;
  for (std::int64_t first = 0; first < tokens; first += kStep) {
    const std::int64_t last = first + kStep < tokens ? first + kStep : tokens;
    for (std::int64_t c = 0; c < columns; c += kBlock) {
      for (std::int64_t t = first; t < last; ++t) {
        FILIGREE_UNROLL for (int v = 0; v < kVectors<kBlock>; ++v) {
          const auto lane = static_cast<std::int64_t>(v * hn::MaxLanes(d));
          hn::Store(hn::LoadU(d, from + t * stride + c + lane), d, to + c * tokens + t * kBlock + lane);
        }
      }
    }
  }
}

// The blocks of group g. group, other: the copies.
template <int kBlock>
HWY_INLINE void OneGroup(const SddTask<float>& task, std::int64_t g, std::int64_t tokens, const float* group,
                         const float* other, bool add) {
  const GroupedBlocks& blocks = task.blocks;
  const std::int64_t copied = tokens * kBlock;
  constexpr std::int64_t kValues = kBlock * kBlock;
  std::int64_t q = blocks.offsets[g];
  const std::int64_t end = blocks.offsets[g + 1];
  if constexpr (kBlock == 8) {
    for (; !task.by_columns && q + 1 < end; q += 2) {
      Pair<kBlock>(tokens, group, other + blocks.others[q] * copied, other + blocks.others[q + 1] * copied,
                   task.gradient + blocks.position(q) * kValues,
                   task.gradient + blocks.position(q + 1) * kValues, add);
    }
  }
  for (; q < end; ++q) {
    const float* copy = other + blocks.others[q] * copied;
    float* gradient = task.gradient + blocks.position(q) * kValues;
    if (task.by_columns) {
      Single<kBlock>(tokens, copy, group, gradient, add);
    } else {
      Single<kBlock>(tokens, group, copy, gradient, add);
    }
  }
}

template <int kBlock>
void Sdd(const SddTask<float>& task) {
  constexpr std::int64_t kGroups = kSddColumns / kBlock;
  const float* grouped = task.by_columns ? task.x : task.dy;
  const float* other = task.by_columns ? task.dy : task.x;
  const std::int64_t grouped_stride = task.by_columns ? task.x_stride : task.dy_stride;
  const std::int64_t other_stride = task.by_columns ? task.dy_stride : task.x_stride;
  const std::int64_t other_columns = task.by_columns ? task.dy_columns : task.x_columns;
  const std::int64_t chunk = sdd_chunk(other_columns);
  for (std::int64_t first = 0; first < task.tokens; first += chunk) {
    const std::int64_t left = task.tokens - first;
    const std::int64_t tokens = left < chunk ? left : chunk;
    const bool add = first > 0 || task.accumulate;
    float* const other_copy = task.scratch;
    float* const group_copy = task.scratch + tokens * other_columns;
    Copy<kBlock>(other + first * other_stride, other_stride, other_columns, tokens, other_copy);
    const std::int64_t behind = left - tokens;
    RowPrefetcher next(other + (first + tokens) * other_stride, other_stride, other_columns,
                       behind < chunk ? behind : chunk, task.last_group - task.first_group);
    for (std::int64_t begin = task.first_group; begin < task.last_group; begin += kGroups) {
      const std::int64_t groups = begin + kGroups < task.last_group ? kGroups : task.last_group - begin;
      const float* columns = grouped + first * grouped_stride + begin * kBlock;
      Copy<kBlock>(columns, grouped_stride, groups * kBlock, tokens, group_copy);
      RowPrefetcher next_columns(columns + kSddColumns, grouped_stride, kSddColumns, tokens, groups);
      for (std::int64_t g = 0; g < groups; ++g) {
        next.step();
        next_columns.step();
        OneGroup<kBlock>(task, begin + g, tokens, group_copy + g * tokens * kBlock, other_copy, add);
      }
    }
  }
}

#endif

void Sdd8(const SddTask<float>& task) { Sdd<8>(task); }
void Sdd16(const SddTask<float>& task) { Sdd<16>(task); }

}  // namespace
}  // namespace filigree::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace filigree::sparse::kernels {
namespace {

HWY_EXPORT(Sdd8);
HWY_EXPORT(Sdd16);

}  // namespace

SddKernel<float> wide_sdd(int block) { return block == 8 ? FILIGREE_SIMD(Sdd8) : FILIGREE_SIMD(Sdd16); }

}  // namespace filigree::sparse::kernels
#endif
