// dds for blocks of 8 and 16. A vector holds a block's outputs; weights are vectors, activations are
// broadcast from memory as operands of the multiply-add.
//
// A tile of tokens is copied once into [group][token][block]: token-major rows are often a power of two
// apart, where the 16 lines that a block needs at a time fall into one set of L1 and drive each other out.
#include "filigree/base/simd.h"
#include "filigree/sparse/kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/sparse/kernels/wide_dds.cc"
#include <hwy/foreach_target.h>
//
#include "filigree/sparse/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace filigree::sparse::kernels::HWY_NAMESPACE {
namespace {

#if FILIGREE_SPARSE_PLAIN

template <int kBlock>
void Dds(const DdsTask<float>& task) {
  plain_dds<float>(kBlock)(task);
}

#else

// At most a block's outputs: blocks of 8 take 256-bit vectors on AVX-512 too.
template <int kBlock>
using Outputs = hn::CappedTag<float, kBlock>;
template <int kBlock>
constexpr int kVectors = kBlock / static_cast<int>(hn::MaxLanes(Outputs<kBlock>()));
// Tokens in registers at a time: enough sums to hide the multiply-add's latency, and few enough to leave
// registers for a weight vector (and, on AVX2, a broadcast).
template <int kBlock>
constexpr int kTile = kManyRegisters ? 16 : 12 / kVectors<kBlock>;

// Lines of the next tile are fetched once in so many blocks.
constexpr std::int64_t kBlocksPerStep = 4;

template <int kBlock>
HWY_INLINE void CopyTile(const DdsTask<float>& task, std::int64_t first, std::int64_t tokens) {
  const Outputs<kBlock> d;
  const float* x = task.x + first * task.x_stride;
  float* to = task.scratch;
  for (std::int64_t c = 0; c < task.x_columns; c += kBlock, to += kTile<kBlock> * kBlock) {
    for (std::int64_t t = 0; t < tokens; ++t) {
      FILIGREE_UNROLL for (int v = 0; v < kVectors<kBlock>; ++v) {
        const auto lane = static_cast<std::int64_t>(v * hn::MaxLanes(d));
        hn::Store(hn::LoadU(d, x + t * task.x_stride + c + lane), d, to + t * kBlock + lane);
      }
    }
  }
}

// Output group g of kTokens tokens. x: the tokens' place in the copied tile.
template <int kBlock, int kTokens>
void Group(const DdsTask<float>& task, std::int64_t g, const float* x, float* y, RowPrefetcher& next) {
  using D = Outputs<kBlock>;
  const D d;
  constexpr int kLanes = static_cast<int>(hn::MaxLanes(d));
  hn::Vec<D> sum[kTokens][kVectors<kBlock>];

  FILIGREE_UNROLL for (int t = 0; t < kTokens; ++t) __builtin_prefetch(y + t * task.y_stride, 1, 3);
  FILIGREE_UNROLL for (int v = 0; v < kVectors<kBlock>; ++v) {
    const auto start = task.bias == nullptr ? hn::Zero(d) : hn::LoadU(d, task.bias + g * kBlock + v * kLanes);
    FILIGREE_UNROLL for (int t = 0; t < kTokens; ++t) sum[t][v] = start;
  }
  if (task.accumulate) {
    FILIGREE_UNROLL for (int t = 0; t < kTokens; ++t) {
      FILIGREE_UNROLL for (int v = 0; v < kVectors<kBlock>; ++v) {
        sum[t][v] = hn::Add(sum[t][v], hn::LoadU(d, y + t * task.y_stride + v * kLanes));
      }
    }
  }
  for (std::int64_t q = task.blocks.offsets[g]; q < task.blocks.offsets[g + 1]; ++q) {
    const float* w = task.values + task.blocks.position(q) * kBlock * kBlock;
    const float* x_block = x + std::int64_t{task.blocks.others[q]} * kTile<kBlock> * kBlock;
    if (q % kBlocksPerStep == 0) next.step();
    FILIGREE_UNROLL for (int i = 0; i < kBlock; ++i) {
      hn::Vec<D> weight[kVectors<kBlock>];
      FILIGREE_UNROLL for (int v = 0; v < kVectors<kBlock>; ++v) {
        weight[v] = hn::LoadU(d, w + i * kBlock + v * kLanes);
      }
      FILIGREE_UNROLL for (int t = 0; t < kTokens; ++t) {
        const auto input = hn::Set(d, x_block[t * kBlock + i]);
        FILIGREE_UNROLL for (int v = 0; v < kVectors<kBlock>; ++v) {
          sum[t][v] = hn::MulAdd(input, weight[v], sum[t][v]);
        }
      }
    }
  }
  FILIGREE_UNROLL for (int t = 0; t < kTokens; ++t) {
    FILIGREE_UNROLL for (int v = 0; v < kVectors<kBlock>; ++v) {
      hn::StoreU(sum[t][v], d, y + t * task.y_stride + v * kLanes);
    }
  }
}

// A tile with fewer tokens than registers hold is taken in parts of half the size each.
template <int kBlock, int kTokens>
HWY_INLINE void GroupOfTokens(const DdsTask<float>& task, std::int64_t g, std::int64_t tokens, const float* x,
                              float* y, RowPrefetcher& next) {
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
  for (std::int64_t first = 0; first < task.tokens; first += kStep) {
    const std::int64_t left = task.tokens - first;
    const std::int64_t tokens = left < kStep ? left : kStep;
    CopyTile<kBlock>(task, first, tokens);
    const std::int64_t behind = left - tokens + task.tokens_behind;
    RowPrefetcher next(task.x + (first + tokens) * task.x_stride, task.x_stride, task.x_columns,
                       behind < kStep ? behind : kStep, blocks / kBlocksPerStep);
    float* y = task.y + first * task.y_stride;
    for (std::int64_t g = task.first_group; g < task.last_group; ++g) {
      GroupOfTokens<kBlock, kStep>(task, g, tokens, task.scratch, y + g * kBlock, next);
    }
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
