// sdd for blocks of 1 and 4. As in narrow_dds.cc a vector holds columns of a group for several tokens; the
// grouped side's columns are spread over the vector one by one and serve several blocks at a time. The lanes
// of a sum are added once a chunk of tokens.
#include "filigree/base/simd.h"
#include "filigree/sparse/kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/sparse/kernels/narrow_sdd.cc"
#include <hwy/foreach_target.h>
//
#include "filigree/sparse/kernels/narrow-inl.h"

HWY_BEFORE_NAMESPACE();
namespace filigree::sparse::kernels::HWY_NAMESPACE {
namespace {

#if FILIGREE_SPARSE_PLAIN

template <int kBlock>
void Sdd(const SddTask<float>& task) {
  plain_sdd<float>(kBlock)(task);
}

#else

// Copies of a chunk, and where it is.
struct Chunk {
  const float* group;
  const float* other;
  std::int64_t padded;
  bool add;
};

// sum[b][i]: for block q + b, column i of the grouped side times the other side's columns.
template <int kBlock, int kBlocks>
HWY_INLINE void Sums(const SddTask<float>& task, const Chunk& chunk, std::int64_t q,
                     FullVec (&sum)[kBlocks][kBlock]) {
  const Full d;
  const float* other[kBlocks];
  FILIGREE_UNROLL for (int b = 0; b < kBlocks; ++b) {
    other[b] = chunk.other + task.blocks.others[q + b] * chunk.padded * kBlock;
    FILIGREE_UNROLL for (int i = 0; i < kBlock; ++i) sum[b][i] = hn::Zero(d);
  }
  for (std::int64_t at = 0; at < chunk.padded * kBlock; at += kLanes) {
    const FullVec group = hn::Load(d, chunk.group + at);
    FullVec spread[kBlock];
    if constexpr (kBlock == 1) {
      spread[0] = group;
    } else {
      spread[0] = hn::Broadcast<0>(group);
      spread[1] = hn::Broadcast<1>(group);
      spread[2] = hn::Broadcast<2>(group);
      spread[3] = hn::Broadcast<3>(group);
    }
    FILIGREE_UNROLL for (int b = 0; b < kBlocks; ++b) {
      const FullVec columns = hn::Load(d, other[b] + at);
      FILIGREE_UNROLL for (int i = 0; i < kBlock; ++i) sum[b][i] = hn::MulAdd(spread[i], columns, sum[b][i]);
    }
  }
}

// Blocks of 4: the sums of one block into its rows.
HWY_INLINE void StoreBlockOf4(const SddTask<float>& task, const Chunk& chunk, std::int64_t q,
                              const FullVec (&sum)[4]) {
  const Quad quad;
  QuadVec row[4];
  FILIGREE_UNROLL for (int i = 0; i < 4; ++i) row[i] = AddQuads(sum[i]);
  if (task.by_columns) TransposeQuads(row[0], row[1], row[2], row[3]);
  float* gradient = task.gradient + task.blocks.position(q) * 16;
  FILIGREE_UNROLL for (int i = 0; i < 4; ++i) {
    if (chunk.add) row[i] = hn::Add(row[i], hn::LoadU(quad, gradient + i * 4));
    hn::StoreU(row[i], quad, gradient + i * 4);
  }
}

// Blocks of 1: the sums of kBlocks values.
template <int kBlocks>
HWY_INLINE void StoreValues(const SddTask<float>& task, const Chunk& chunk, std::int64_t q,
                            const FullVec (&sum)[kBlocks][1]) {
  const Full d;
  const Quad quad;
  constexpr int kWhole = kBlocks < 4 ? 4 : kBlocks;
  HWY_ALIGN float value[kWhole];
  FILIGREE_UNROLL for (int b = 0; b < kBlocks; b += 4) {
    const FullVec none = hn::Zero(d);
    const FullVec quads =
        SumQuads(sum[b][0], b + 1 < kBlocks ? sum[b + 1][0] : none, b + 2 < kBlocks ? sum[b + 2][0] : none,
                 b + 3 < kBlocks ? sum[b + 3][0] : none);
    hn::Store(AddQuads(quads), quad, value + b);
  }
  FILIGREE_UNROLL for (int b = 0; b < kBlocks; ++b) {
    float* gradient = task.gradient + task.blocks.position(q + b);
    *gradient = (chunk.add ? *gradient : 0.0F) + value[b];
  }
}

template <int kBlock, int kBlocks>
void Blocks(const SddTask<float>& task, const Chunk& chunk, std::int64_t q) {
  FullVec sum[kBlocks][kBlock];
  Sums<kBlock, kBlocks>(task, chunk, q, sum);
  if constexpr (kBlock == 1) {
    StoreValues<kBlocks>(task, chunk, q, sum);
  } else {
    FILIGREE_UNROLL for (int b = 0; b < kBlocks; ++b) StoreBlockOf4(task, chunk, q + b, sum[b]);
  }
}

// The blocks [q, end) of a group, kBlocks at a time, and the rest in parts of half as many.
template <int kBlock, int kBlocks>
HWY_INLINE void OneGroup(const SddTask<float>& task, const Chunk& chunk, std::int64_t q, std::int64_t end) {
  for (; q + kBlocks <= end; q += kBlocks) Blocks<kBlock, kBlocks>(task, chunk, q);
  if constexpr (kBlocks > 1) OneGroup<kBlock, kBlocks / 2>(task, chunk, q, end);
}

template <int kBlock>
void Sdd(const SddTask<float>& task) {
  constexpr int kBlocks = kBlock == 1 ? 8 : (kManyRegisters ? 4 : 2);
  constexpr std::int64_t kVectorTokens = kLanes / kBlock;
  constexpr std::int64_t kGroups = kSddColumns / kBlock;
  const float* grouped = task.by_columns ? task.x : task.dy;
  const float* other = task.by_columns ? task.dy : task.x;
  const std::int64_t grouped_stride = task.by_columns ? task.x_stride : task.dy_stride;
  const std::int64_t other_stride = task.by_columns ? task.dy_stride : task.x_stride;
  const std::int64_t other_columns = task.by_columns ? task.dy_columns : task.x_columns;
  const std::int64_t step = sdd_chunk(other_columns);
  for (std::int64_t first = 0; first < task.tokens; first += step) {
    const std::int64_t left = task.tokens - first;
    const std::int64_t tokens = left < step ? left : step;
    const std::int64_t padded = (tokens + kVectorTokens - 1) / kVectorTokens * kVectorTokens;
    float* const other_copy = task.scratch;
    float* const group_copy = task.scratch + padded * other_columns;
    CopyGroups<kBlock>(other + first * other_stride, other_stride, other_columns, tokens, padded, other_copy);
    const std::int64_t behind = left - tokens;
    RowPrefetcher next(other + (first + tokens) * other_stride, other_stride, other_columns,
                       behind < step ? behind : step, task.last_group - task.first_group);
    for (std::int64_t begin = task.first_group; begin < task.last_group; begin += kGroups) {
      const std::int64_t groups = begin + kGroups < task.last_group ? kGroups : task.last_group - begin;
      const float* columns = grouped + first * grouped_stride + begin * kBlock;
      CopyGroups<kBlock>(columns, grouped_stride, groups * kBlock, tokens, padded, group_copy);
      RowPrefetcher next_columns(columns + kSddColumns, grouped_stride, kSddColumns, tokens, groups);
      for (std::int64_t g = 0; g < groups; ++g) {
        next.step();
        next_columns.step();
        const Chunk chunk{group_copy + g * padded * kBlock, other_copy, padded, first > 0 || task.accumulate};
        OneGroup<kBlock, kBlocks>(task, chunk, task.blocks.offsets[begin + g],
                                  task.blocks.offsets[begin + g + 1]);
      }
    }
  }
}

#endif

void Sdd1(const SddTask<float>& task) { Sdd<1>(task); }
void Sdd4(const SddTask<float>& task) { Sdd<4>(task); }

}  // namespace
}  // namespace filigree::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace filigree::sparse::kernels {
namespace {

HWY_EXPORT(Sdd1);
HWY_EXPORT(Sdd4);

}  // namespace

SddKernel<float> narrow_sdd(int block) { return block == 1 ? FILIGREE_SIMD(Sdd1) : FILIGREE_SIMD(Sdd4); }

}  // namespace filigree::sparse::kernels
#endif
