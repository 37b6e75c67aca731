// sdd for blocks of 8 and 16: outer products. A vector holds a row of a block of the gradient, which stays
// in registers over a chunk of tokens; x are vectors, dy is broadcast.
#include "filigree/base/simd.h"
#include "filigree/sparse/kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/sparse/kernels/wide_sdd.cc"
#include <hwy/foreach_target.h>
//
#include "filigree/sparse/kernels/narrow-inl.h"
#include "filigree/sparse/kernels/sdd-inl.h"
#include "filigree/sparse/kernels/wide-inl.h"

HWY_BEFORE_NAMESPACE();
namespace filigree::sparse::kernels::HWY_NAMESPACE {
namespace {

#if FILIGREE_SPARSE_PLAIN

template <int kBlock>
void Sdd(const SddTask<float>& task) {
  plain_sdd<float>(kBlock)(task);
}

#else

// Both sides are copied into [group][token][block].

// From rows of tokens, a few cache lines of each at a time: whole rows are often a power of two apart.
template <int kBlock>
void PackTokens(const SddSide<float>& side, std::int64_t first, std::int64_t last, std::int64_t first_token,
                std::int64_t tokens, float* to) {
  constexpr std::int64_t kLine = kCacheLine / 4;
  constexpr std::int64_t kStrip = sdd_features(kBlock);
  constexpr std::int64_t kAheadRows = 16;
  const Side<kBlock> d;
  for (std::int64_t strip = first; strip < last; strip += kStrip) {
    const std::int64_t end = strip + kStrip < last ? strip + kStrip : last;
    const float* row = side.at(0, first_token);
    for (std::int64_t t = 0; t < tokens; ++t, row += side.stride) {
      // Behind the last row come the first ones of the next strip.
      const float* const ahead =
          row + kAheadRows * side.stride + (t + kAheadRows < tokens ? 0 : kStrip - tokens * side.stride);
      for (std::int64_t f = strip; f < end; f += kLine) __builtin_prefetch(ahead + f, 0, 2);
      for (std::int64_t f = strip; f < end; f += kBlock) {
        float* place = to + (f - first) * tokens + t * kBlock;
        FILIGREE_UNROLL for (int v = 0; v < kSideVectors<kBlock>; ++v) {
          hn::Store(hn::LoadU(d, row + f + v * kSideLanes<kBlock>), d, place + v * kSideLanes<kBlock>);
        }
      }
    }
  }
}

// From rows of features, transposed in squares.
template <int kBlock>
void PackFeatures(const SddSide<float>& side, std::int64_t first, std::int64_t last, std::int64_t first_token,
                  std::int64_t tokens, float* to) {
  constexpr std::int64_t kSquare = kSideLanes<kBlock>;
  const std::int64_t whole = tokens / kSquare * kSquare;
  for (std::int64_t group = first; group < last; group += kBlock, to += kBlock * tokens) {
    for (std::int64_t f = 0; f < kBlock; f += kSquare) {
      const float* rows = side.at(group + f, first_token);
      for (std::int64_t t = 0; t < whole; t += kSquare) {
        // The next group is wanted soon.
        for (std::int64_t i = 0; i < kSquare; ++i) {
          __builtin_prefetch(rows + (i + kBlock) * side.stride + t, 0, 2);
        }
        TransposeSquare<Side<kBlock>, false>(rows + t, side.stride, to + t * kBlock + f, kBlock);
      }
      for (std::int64_t t = whole; t < tokens; ++t) {
        for (std::int64_t i = 0; i < kSquare; ++i) to[t * kBlock + f + i] = rows[i * side.stride + t];
      }
    }
  }
}

// kRows rows, from kRow on, of the gradients of kBlocks blocks of one block row.
template <int kBlock, int kBlocks, int kRow, int kRows>
HWY_INLINE void Outer(std::int64_t tokens, const float* dy, const float* const (&x)[kBlocks],
                      float* const (&gradient)[kBlocks], bool add) {
  constexpr int kSides = kSideVectors<kBlock>;
  constexpr int kLength = kSideLanes<kBlock>;
  constexpr int kVectors = kBlocks * kSides;
  using D = Side<kBlock>;
  const D d;
  hn::Vec<D> sum[kRows][kVectors];
  FILIGREE_UNROLL for (int r = 0; r < kRows; ++r) {
    FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
      const float* from = gradient[v / kSides] + (kRow + r) * kBlock + v % kSides * kLength;
      sum[r][v] = add ? hn::LoadU(d, from) : hn::Zero(d);
    }
  }
  for (std::int64_t t = 0; t < tokens; ++t) {
    hn::Vec<D> input[kVectors];
    FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
      input[v] = hn::Load(d, x[v / kSides] + t * kBlock + v % kSides * kLength);
    }
    FILIGREE_UNROLL for (int r = 0; r < kRows; ++r) {
      const auto output = hn::Set(d, dy[t * kBlock + kRow + r]);
      FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = hn::MulAdd(output, input[v], sum[r][v]);
      }
    }
  }
  FILIGREE_UNROLL for (int r = 0; r < kRows; ++r) {
    FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
      float* to = gradient[v / kSides] + (kRow + r) * kBlock + v % kSides * kLength;
      hn::StoreU(sum[r][v], d, to);
    }
  }
}

// All rows, as many at a time as registers hold sums of.
template <int kBlock, int kBlocks, int kRow = 0>
HWY_INLINE void Rows(std::int64_t tokens, const float* dy, const float* const (&x)[kBlocks],
                     float* const (&gradient)[kBlocks], bool add) {
  constexpr int kVectors = kBlocks * kSideVectors<kBlock>;
  constexpr int kMost = kManyRegisters                       ? kBlock
                        : kVectors == 3                      ? 4
                        : kVectors == 2 && kBlock - kRow < 9 ? 4
                        : kVectors == 2                      ? 6
                                                             : 8;
  constexpr int kRows = kBlock - kRow < kMost ? kBlock - kRow : kMost;
  Outer<kBlock, kBlocks, kRow, kRows>(tokens, dy, x, gradient, add);
  if constexpr (kRow + kRows < kBlock) Rows<kBlock, kBlocks, kRow + kRows>(tokens, dy, x, gradient, add);
}

template <int kBlock, int kBlocks>
HWY_NOINLINE void Blocks(const SddTask<float>& task, std::int64_t tokens, std::int64_t q, const float* dy,
                         const float* x_copy, bool add) {
  const float* x[kBlocks];
  float* gradient[kBlocks];
  FILIGREE_UNROLL for (int i = 0; i < kBlocks; ++i) {
    x[i] = x_copy + (task.blocks.others[q + i] - task.first_column) * tokens * kBlock;
    gradient[i] = task.gradient + (q + i) * kBlock * kBlock;
  }
  Rows<kBlock, kBlocks>(tokens, dy, x, gradient, add);
}

template <int kBlock>
void Sdd(const SddTask<float>& task) {
  const auto pack = [](const SddSide<float>& side, std::int64_t first, std::int64_t last,
                       std::int64_t first_token, std::int64_t tokens, float* to) {
    side.rows_are_features ? PackFeatures<kBlock>(side, first, last, first_token, tokens, to)
                           : PackTokens<kBlock>(side, first, last, first_token, tokens, to);
  };
  const auto padded = [](std::int64_t tokens) { return tokens; };
  ForEachGroup<kBlock>(
      task, padded, pack,
      [&](std::int64_t tokens, std::int64_t q, std::int64_t end, const float* dy, const float* x, bool add) {
        if constexpr (kBlock == 8) {
          // One block alone has too few sums to hide the latency of multiply-adds, or more loads than those.
          constexpr int kMost = kManyRegisters ? 2 : 3;
          for (; end - q >= kMost && end - q != 4; q += kMost)
            Blocks<kBlock, kMost>(task, tokens, q, dy, x, add);
          for (; end - q >= 2; q += 2) Blocks<kBlock, 2>(task, tokens, q, dy, x, add);
        }
        for (; q < end; ++q) Blocks<kBlock, 1>(task, tokens, q, dy, x, add);
      });
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
