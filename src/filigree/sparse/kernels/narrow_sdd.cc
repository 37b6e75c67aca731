// sdd for blocks of 1 and 4. A vector holds a block's features (1 or 4) of as many tokens as fit; those of dy
// are spread over the vector one by one and serve several blocks at a time. The lanes of a sum are added once
// a chunk of tokens.
#include "filigree/base/simd.h"
#include "filigree/sparse/kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/sparse/kernels/narrow_sdd.cc"
#include <hwy/foreach_target.h>
//
#include "filigree/sparse/kernels/narrow-inl.h"
#include "filigree/sparse/kernels/sdd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace filigree::sparse::kernels::HWY_NAMESPACE {
namespace {

#if FILIGREE_SPARSE_PLAIN

template <int kBlock>
void Sdd(const SddTask<float>& task) {
  plain_sdd<float>(kBlock)(task);
}

#else

// Both sides are copied into [group][token][block], with zeros behind the last token up to a whole vector.
// For blocks of 4 tokens may change places within what four transposed vectors hold: on both sides alike.
template <int kBlock>
void Pack(const SddSide<float>& side, std::int64_t first, std::int64_t last, std::int64_t first_token,
          std::int64_t tokens, std::int64_t padded, float* to) {
  constexpr std::int64_t kAheadRows = 4;
  const Full d;
  if (!side.rows_are_features) {
    // The features behind these are likely to be next.
    for (std::int64_t t = 0; t < tokens; ++t) __builtin_prefetch(side.at(last, first_token + t), 0, 2);
    CopyGroups<kBlock>(side.at(first, first_token), side.stride, last - first, tokens, padded, to);
    return;
  }
  const std::int64_t whole = tokens / kLanes * kLanes;
  for (std::int64_t f = first; f < last; f += kBlock, to += kBlock * padded) {
    const float* rows = side.at(f, first_token);
    for (std::int64_t t = 0; t < whole; t += kLanes) {
      FullVec row[kBlock];
      FILIGREE_UNROLL for (int i = 0; i < kBlock; ++i) {
        row[i] = hn::LoadU(d, rows + i * side.stride + t);
        __builtin_prefetch(rows + (kAheadRows + i) * side.stride + t, 0, 3);
      }
      if constexpr (kBlock == 4) TransposeQuads(row[0], row[1], row[2], row[3]);
      FILIGREE_UNROLL for (int i = 0; i < kBlock; ++i) hn::Store(row[i], d, to + t * kBlock + i * kLanes);
    }
    for (std::int64_t t = whole; t < padded; ++t) {
      for (std::int64_t i = 0; i < kBlock; ++i) {
        to[t * kBlock + i] = t < tokens ? rows[i * side.stride + t] : 0.0F;
      }
    }
  }
}

// sum[b][i]: row i of dy times the columns of block b.
template <int kBlock, int kBlocks>
HWY_INLINE void Sums(std::int64_t floats, const float* dy, const float* const (&x)[kBlocks],
                     FullVec (&sum)[kBlocks][kBlock]) {
  const Full d;
  FILIGREE_UNROLL for (int b = 0; b < kBlocks; ++b) {
    FILIGREE_UNROLL for (int i = 0; i < kBlock; ++i) sum[b][i] = hn::Zero(d);
  }
  for (std::int64_t at = 0; at < floats; at += kLanes) {
    const FullVec outputs = hn::Load(d, dy + at);
    FullVec spread[kBlock];
    if constexpr (kBlock == 1) {
      spread[0] = outputs;
    } else {
      spread[0] = hn::Broadcast<0>(outputs);
      spread[1] = hn::Broadcast<1>(outputs);
      spread[2] = hn::Broadcast<2>(outputs);
      spread[3] = hn::Broadcast<3>(outputs);
    }
    FILIGREE_UNROLL for (int b = 0; b < kBlocks; ++b) {
      const FullVec inputs = hn::Load(d, x[b] + at);
      FILIGREE_UNROLL for (int i = 0; i < kBlock; ++i) sum[b][i] = hn::MulAdd(spread[i], inputs, sum[b][i]);
    }
  }
}

// The sums of each lane's own: of four blocks of 1.
HWY_INLINE QuadVec AddLanes(FullVec a, FullVec b, FullVec c, FullVec d) {
  return AddQuads(SumQuads(a, b, c, d));
}

template <int kBlock, int kBlocks>
HWY_INLINE void Store(const FullVec (&sum)[kBlocks][kBlock], float* gradient, bool add) {
  const Quad quad;
  if constexpr (kBlock == 4) {
    FILIGREE_UNROLL for (int i = 0; i < kBlocks * 4; ++i) {
      const QuadVec row = AddQuads(sum[i / 4][i % 4]);
      hn::StoreU(add ? hn::Add(row, hn::LoadU(quad, gradient + i * 4)) : row, quad, gradient + i * 4);
    }
  } else if constexpr (kBlocks >= 4) {
    FILIGREE_UNROLL for (int b = 0; b < kBlocks; b += 4) {
      const QuadVec four = AddLanes(sum[b][0], sum[b + 1][0], sum[b + 2][0], sum[b + 3][0]);
      hn::StoreU(add ? hn::Add(four, hn::LoadU(quad, gradient + b)) : four, quad, gradient + b);
    }
  } else {
    // Lanes are added in the order of four blocks at a time: which blocks go together changes no bit.
    const FullVec none = hn::Zero(Full());
    FILIGREE_UNROLL for (int b = 0; b < kBlocks; ++b) {
      const float value = hn::GetLane(AddLanes(sum[b][0], none, none, none));
      gradient[b] = add ? value + gradient[b] : value;
    }
  }
}

// The blocks [q, end) of a group, kBlocks at a time, and the rest in parts of half as many.
template <int kBlock, int kBlocks>
HWY_INLINE void Blocks(const SddTask<float>& task, std::int64_t padded, std::int64_t q, std::int64_t end,
                       const float* dy, const float* x_copy, bool add) {
  for (; q + kBlocks <= end; q += kBlocks) {
    const float* x[kBlocks];
    FILIGREE_UNROLL for (int b = 0; b < kBlocks; ++b) {
      x[b] = x_copy + (task.blocks.others[q + b] - task.first_column) * padded * kBlock;
    }
    FullVec sum[kBlocks][kBlock];
    Sums<kBlock, kBlocks>(padded * kBlock, dy, x, sum);
    Store<kBlock, kBlocks>(sum, task.gradient + q * kBlock * kBlock, add);
  }
  if constexpr (kBlocks > 1) Blocks<kBlock, kBlocks / 2>(task, padded, q, end, dy, x_copy, add);
}

template <int kBlock>
void Sdd(const SddTask<float>& task) {
  constexpr int kBlocks = kBlock == 1 ? 8 : (kManyRegisters ? 4 : 2);
  // As CopyGroups has it.
  constexpr std::int64_t kVectorTokens = kLanes / kBlock;
  const auto padded = [](std::int64_t tokens) {
    return (tokens + kVectorTokens - 1) / kVectorTokens * kVectorTokens;
  };
  ForEachGroup<kBlock>(
      task, padded,
      [&](const SddSide<float>& side, std::int64_t first, std::int64_t last, std::int64_t first_token,
          std::int64_t tokens,
          float* to) { Pack<kBlock>(side, first, last, first_token, tokens, padded(tokens), to); },
      [&](std::int64_t tokens, std::int64_t begin, std::int64_t end, const float* dy, const float* x,
          bool add) { Blocks<kBlock, kBlocks>(task, padded(tokens), begin, end, dy, x, add); });
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
