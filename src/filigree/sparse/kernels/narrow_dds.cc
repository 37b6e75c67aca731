// dds for blocks of 1 and 4. A vector of products holds inputs of a block, for as many tokens as fit; each
// output of the block has a sum of such vectors, whose lanes are added once, at the end of the group. Weights
// are broadcast, so blocks of 4 need 8 loads for 16 multiply-adds; blocks of 1 use each vector of activations
// once and live on the speed of L1 and L2.
#include "filigree/base/simd.h"
#include "filigree/sparse/kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/sparse/kernels/narrow_dds.cc"
#include <hwy/foreach_target.h>
//
#include "filigree/sparse/kernels/narrow-inl.h"

HWY_BEFORE_NAMESPACE();
namespace filigree::sparse::kernels::HWY_NAMESPACE {
namespace {

#if FILIGREE_SPARSE_PLAIN

template <int kBlock>
void Dds(const DdsTask<float>& task) {
  plain_dds<float>(kBlock)(task);
}

#else

template <int kBlock>
constexpr int kVectorTokens = kLanes / kBlock;
// Vectors of tokens at a time: four sums each for blocks of 4.
template <int kBlock>
constexpr int kTileVectors = kBlock == 1 ? 64 / kLanes : (kManyRegisters ? 4 : 3);
template <int kBlock>
constexpr std::int64_t kTile = kTileVectors<kBlock>* kVectorTokens<kBlock>;

// The sums of output group g for kVectors vectors of tokens. x: the tokens' place in the copied tile.
template <int kBlock, int kVectors>
HWY_INLINE void Sums(const DdsTask<float>& task, std::int64_t g, const float* x,
                     FullVec (&sum)[kBlock][kVectors]) {
  const Full d;
  FILIGREE_UNROLL for (int o = 0; o < kBlock; ++o) {
    FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) sum[o][v] = hn::Zero(d);
  }
  for (std::int64_t q = task.blocks.offsets[g]; q < task.blocks.offsets[g + 1]; ++q) {
    const float* w = task.values + task.blocks.position(q) * kBlock * kBlock;
    const float* x_block = x + task.blocks.others[q] * kTile<kBlock> * kBlock;
    FullVec weight[kBlock];
    FILIGREE_UNROLL for (int o = 0; o < kBlock; ++o) {
      weight[o] = kBlock == 1 ? hn::Set(d, w[o]) : hn::LoadDup128(d, w + o * kBlock);
    }
    FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
      const FullVec input = hn::Load(d, x_block + v * kLanes);
      FILIGREE_UNROLL for (int o = 0; o < kBlock; ++o) sum[o][v] = hn::MulAdd(weight[o], input, sum[o][v]);
    }
  }
}

// Blocks of 4: results go straight to y, 4 outputs of a token at a time.
template <int kVectors>
void GroupOf4(const DdsTask<float>& task, std::int64_t g, std::int64_t tokens, const float* x, float* y) {
  const Full d;
  const Quad quad;
  FullVec sum[4][kVectors];
  Sums<4, kVectors>(task, g, x, sum);
  const FullVec bias = task.bias == nullptr ? hn::Zero(d) : hn::LoadDup128(d, task.bias + g * 4);
  FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
    const FullVec total = hn::Add(SumQuads(sum[0][v], sum[1][v], sum[2][v], sum[3][v]), bias);
    const Quads quads = SplitQuads(total);
    FILIGREE_UNROLL for (int i = 0; i < kVectorTokens<4>; ++i) {
      const int t = v * kVectorTokens<4> + i;
      if (t >= tokens) return;
      float* place = y + t * task.y_stride;
      const QuadVec before = task.accumulate ? hn::LoadU(quad, place) : hn::Zero(quad);
      hn::StoreU(hn::Add(quads.part[i], before), quad, place);
    }
  }
}

// Blocks of 1: results go to a row of [outputs][tile], transposed into y once 16 are there.
template <int kVectors>
void GroupOf1(const DdsTask<float>& task, std::int64_t g, const float* x, float* row) {
  const Full d;
  FullVec sum[1][kVectors];
  Sums<1, kVectors>(task, g, x, sum);
  const FullVec bias = hn::Set(d, task.bias == nullptr ? 0.0F : task.bias[g]);
  FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) hn::Store(hn::Add(sum[0][v], bias), d, row + v * kLanes);
}

// A tile of fewer vectors than registers hold is taken in parts of half the size each; the last vector may
// be partly filled.
template <int kVectors>
HWY_INLINE void TokensOf4(const DdsTask<float>& task, std::int64_t g, std::int64_t tokens, const float* x,
                          float* y) {
  constexpr std::int64_t kTokens = kVectors * kVectorTokens<4>;
  if (tokens > kTokens - kVectorTokens<4>) {
    GroupOf4<kVectors>(task, g, tokens, x, y);
    tokens -= kTokens;
    x += kVectors * kLanes;
    y += kTokens * task.y_stride;
  }
  if constexpr (kVectors > 1) {
    if (tokens > 0) TokensOf4<kVectors - kVectors / 2>(task, g, tokens, x, y);
  }
}

template <int kVectors>
HWY_INLINE void TokensOf1(const DdsTask<float>& task, std::int64_t g, std::int64_t tokens, const float* x,
                          float* row) {
  constexpr std::int64_t kTokens = kVectors * kVectorTokens<1>;
  if (tokens > kTokens - kVectorTokens<1>) {
    GroupOf1<kVectors>(task, g, x, row);
    tokens -= kTokens;
    x += kTokens;
    row += kTokens;
  }
  if constexpr (kVectors > 1) {
    if (tokens > 0) TokensOf1<kVectors - kVectors / 2>(task, g, tokens, x, row);
  }
}

template <int kBlock>
HWY_INLINE void Groups(const DdsTask<float>& task, std::int64_t first, std::int64_t tokens,
                       RowPrefetcher& next) {
  float* y = task.y + first * task.y_stride;
  if constexpr (kBlock == 4) {
    for (std::int64_t g = task.first_group; g < task.last_group; ++g) {
      next.step();
      TokensOf4<kTileVectors<4> >(task, g, tokens, task.scratch, y + g * 4);
    }
  } else {
    constexpr std::int64_t kRows = 16;
    float* rows = task.scratch + kTile<1> * task.x_columns;
    for (std::int64_t begin = task.first_group; begin < task.last_group; begin += kRows) {
      const std::int64_t end = begin + kRows < task.last_group ? begin + kRows : task.last_group;
      for (std::int64_t g = begin; g < end; ++g) {
        next.step();
        TokensOf1<kTileVectors<1> >(task, g, tokens, task.scratch, rows + (g - begin) * kTile<1>);
      }
      if (task.accumulate) {
        Transpose<true>(rows, kTile<1>, end - begin, tokens, y + begin, task.y_stride);
      } else {
        Transpose<false>(rows, kTile<1>, end - begin, tokens, y + begin, task.y_stride);
      }
    }
  }
}

template <int kBlock>
void Dds(const DdsTask<float>& task) {
  constexpr std::int64_t kStep = kTile<kBlock>;
  for (std::int64_t first = 0; first < task.tokens; first += kStep) {
    const std::int64_t left = task.tokens - first;
    const std::int64_t tokens = left < kStep ? left : kStep;
    CopyGroups<kBlock>(task.x + first * task.x_stride, task.x_stride, task.x_columns, tokens, kStep,
                       task.scratch);
    const std::int64_t behind = left - tokens + task.tokens_behind;
    RowPrefetcher next(task.x + (first + tokens) * task.x_stride, task.x_stride, task.x_columns,
                       behind < kStep ? behind : kStep, task.last_group - task.first_group);
    Groups<kBlock>(task, first, tokens, next);
  }
}

#endif

void Dds1(const DdsTask<float>& task) { Dds<1>(task); }
void Dds4(const DdsTask<float>& task) { Dds<4>(task); }

}  // namespace
}  // namespace filigree::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace filigree::sparse::kernels {
namespace {

HWY_EXPORT(Dds1);
HWY_EXPORT(Dds4);

}  // namespace

DdsKernel<float> narrow_dds(int block) { return block == 1 ? FILIGREE_SIMD(Dds1) : FILIGREE_SIMD(Dds4); }

}  // namespace filigree::sparse::kernels
#endif
