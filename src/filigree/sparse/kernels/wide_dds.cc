// dds for blocks of 8 and 16. A vector holds a block's outputs; weights are vectors, activations are
// broadcast from memory as operands of the multiply-add.
#include "filigree/base/simd.h"
#include "filigree/sparse/kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/sparse/kernels/wide_dds.cc"
#include <hwy/foreach_target.h>
//
#include "filigree/sparse/kernels/wide-inl.h"

HWY_BEFORE_NAMESPACE();
namespace filigree::sparse::kernels::HWY_NAMESPACE {
namespace {

#if FILIGREE_SPARSE_PLAIN

template <int kBlock>
void Dds(const DdsTask<float>& task) {
  plain_dds<float>(kBlock)(task);
}

#else

// Tokens in registers at a time: enough sums to hide the multiply-add's latency, and few enough to leave
// registers for a weight vector (and, on AVX2, a broadcast).
template <int kBlock>
constexpr int kTile = kManyRegisters ? 16 : 12 / kSideVectors<kBlock>;

// A part of the next tile is copied once in so many blocks.
constexpr std::int64_t kBlocksPerStep = 2;
constexpr std::int64_t kAhead = 64;

// Output group g of kTokens tokens. x: the tokens' place in the copied tile.
template <int kBlock, int kTokens>
HWY_INLINE void Group(const DdsTask<float>& task, std::int64_t g, const float* x, float* y,
                      Copier<kBlock>& next) {
  using D = Side<kBlock>;
  const D d;
  constexpr int kLanes = kSideLanes<kBlock>;
  hn::Vec<D> sum[kTokens][kSideVectors<kBlock>];

  if constexpr (kBlock == 16) {
    FILIGREE_UNROLL for (int t = 0; t < kTokens; ++t) __builtin_prefetch(y + t * task.y_stride, 1, 3);
  }
  FILIGREE_UNROLL for (int v = 0; v < kSideVectors<kBlock>; ++v) {
    const auto start = task.bias == nullptr ? hn::Zero(d) : hn::LoadU(d, task.bias + g * kBlock + v * kLanes);
    FILIGREE_UNROLL for (int t = 0; t < kTokens; ++t) sum[t][v] = start;
  }
  if (task.accumulate) {
    FILIGREE_UNROLL for (int t = 0; t < kTokens; ++t) {
      FILIGREE_UNROLL for (int v = 0; v < kSideVectors<kBlock>; ++v) {
        sum[t][v] = hn::Add(sum[t][v], hn::LoadU(d, y + t * task.y_stride + v * kLanes));
      }
    }
  }
  const std::int64_t end = task.blocks.offsets[g + 1];
  for (std::int64_t q = task.blocks.offsets[g]; q < end; ++q) {
    const float* w = task.values + task.blocks.position(q) * kBlock * kBlock;
    const float* x_block = x + std::int64_t{task.blocks.others[q]} * kTile<kBlock> * kBlock;
    if (q % kBlocksPerStep == 0) next.step();
    const float* next_x_block =
        x + std::int64_t{task.blocks.others[q + 1 < end ? q + 1 : q]} * kTile<kBlock> * kBlock;
    FILIGREE_UNROLL for (int i = 0; i < kBlock; ++i) {
      // Small blocks end before out-of-order execution has reached the lines of the next.
      if constexpr (kBlock == 8) __builtin_prefetch(next_x_block + i * kCacheLine / 4, 0, 3);
      hn::Vec<D> weight[kSideVectors<kBlock>];
      FILIGREE_UNROLL for (int v = 0; v < kSideVectors<kBlock>; ++v) {
        weight[v] = hn::LoadU(d, w + i * kBlock + v * kLanes);
      }
      FILIGREE_UNROLL for (int t = 0; t < kTokens; ++t) {
        const auto input = hn::Set(d, x_block[t * kBlock + i]);
        FILIGREE_UNROLL for (int v = 0; v < kSideVectors<kBlock>; ++v) {
          sum[t][v] = hn::MulAdd(input, weight[v], sum[t][v]);
        }
      }
    }
  }
  FILIGREE_UNROLL for (int t = 0; t < kTokens; ++t) {
    FILIGREE_UNROLL for (int v = 0; v < kSideVectors<kBlock>; ++v) {
      hn::StoreU(sum[t][v], d, y + t * task.y_stride + v * kLanes);
    }
  }
}

// A tile with fewer tokens than registers hold is taken in parts of half the size each.
template <int kBlock, int kTokens>
HWY_INLINE void GroupOfTokens(const DdsTask<float>& task, std::int64_t g, std::int64_t tokens, const float* x,
                              float* y, Copier<kBlock>& next) {
  if (tokens >= kTokens) {
    Group<kBlock, kTokens>(task, g, x, y, next);
    tokens -= kTokens;
    x += kTokens * kBlock;
    y += kTokens * task.y_stride;
  }
  if constexpr (kTokens > 1) {
    if (tokens > 0) GroupOfTokens<kBlock, (kTokens + 1) / 2>(task, g, tokens, x, y, next);
  }
}

template <int kBlock>
void Dds(const DdsTask<float>& task) {
  constexpr int kStep = kTile<kBlock>;
  const std::int64_t blocks = task.blocks.offsets[task.last_group] - task.blocks.offsets[task.first_group];
  const std::int64_t steps = blocks / kBlocksPerStep;
  float* copy = task.scratch;
  float* next_copy = task.scratch + kStep * task.x_columns;
  const auto copier = [&](std::int64_t first, float* to) {
    const std::int64_t left = task.tokens - first;
    const std::int64_t tokens = left < kStep ? left : kStep;
    return Copier<kBlock>(task.x + first * task.x_stride, task.x_stride, task.x_columns,
                          tokens < 0 ? 0 : tokens, to, kStep, steps, kAhead);
  };
  copier(0, copy).finish();
  for (std::int64_t first = 0; first < task.tokens; first += kStep) {
    const std::int64_t left = task.tokens - first;
    const std::int64_t tokens = left < kStep ? left : kStep;
    Copier<kBlock> next = copier(first + kStep, next_copy);
    float* y = task.y + first * task.y_stride;
    for (std::int64_t g = task.first_group; g < task.last_group; ++g) {
      GroupOfTokens<kBlock, kStep>(task, g, tokens, copy, y + g * kBlock, next);
    }
    next.finish();
    float* const used = copy;
    copy = next_copy;
    next_copy = used;
  }
}

#endif

void Dds8(const DdsTask<float>& task) { Dds<8>(task); }
void Dds16(const DdsTask<float>& task) { Dds<16>(task); }

}  // namespace
}  // namespace filigree::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace filigree::sparse::kernels {
namespace {

HWY_EXPORT(Dds8);
HWY_EXPORT(Dds16);

}  // namespace

DdsKernel<float> wide_dds(int block) { return block == 8 ? FILIGREE_SIMD(Dds8) : FILIGREE_SIMD(Dds16); }

}  // namespace filigree::sparse::kernels
#endif
