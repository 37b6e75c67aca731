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

// Tokens between two steps of copying.
constexpr std::int64_t kTokensPerStep = 16;
// How far ahead of the copying lines of the whole side are fetched.
constexpr std::int64_t kAhead = 64;

// What is copied while the current copies are multiplied: the next chunk of the whole side, and the next
// columns of the grouped side.
template <int kBlock>
struct Copiers {
  Copier<kBlock> other;
  Copier<kBlock> group;

  HWY_INLINE void step() {
    other.step();
    group.step();
  }
};

// kParts parts of kRows rows of kColumns vectors of sums, over `tokens` tokens:
// sum[p][r][c] += dy[p][t][r] * x[c][t].
template <int kBlock, int kParts, int kRows, int kColumns>
HWY_INLINE void Outer(std::int64_t tokens, const float* const (&dy)[kParts],
                      const float* const (&x)[kColumns], float* const (&gradient)[kParts][kColumns], bool add,
                      Copiers<kBlock>& next) {
  using D = Side<kBlock>;
  const D d;
  hn::Vec<D> sum[kParts][kRows][kColumns];
  FILIGREE_UNROLL for (int p = 0; p < kParts; ++p) {
    FILIGREE_UNROLL for (int r = 0; r < kRows; ++r) {
      FILIGREE_UNROLL for (int c = 0; c < kColumns; ++c) {
        sum[p][r][c] = add ? hn::LoadU(d, gradient[p][c] + r * kBlock) : hn::Zero(d);
      }
    }
  }
  for (std::int64_t begin = 0; begin < tokens; begin += kTokensPerStep) {
    const std::int64_t end = begin + kTokensPerStep < tokens ? begin + kTokensPerStep : tokens;
    for (std::int64_t t = begin; t < end; ++t) {
      hn::Vec<D> input[kColumns];
      FILIGREE_UNROLL for (int c = 0; c < kColumns; ++c) input[c] = hn::Load(d, x[c] + t * kBlock);
      FILIGREE_UNROLL for (int p = 0; p < kParts; ++p) {
        FILIGREE_UNROLL for (int r = 0; r < kRows; ++r) {
          const auto output = hn::Set(d, dy[p][t * kBlock + r]);
          FILIGREE_UNROLL for (int c = 0; c < kColumns; ++c) {
            sum[p][r][c] = hn::MulAdd(output, input[c], sum[p][r][c]);
          }
        }
      }
    }
    next.step();
  }
  FILIGREE_UNROLL for (int p = 0; p < kParts; ++p) {
    FILIGREE_UNROLL for (int r = 0; r < kRows; ++r) {
      FILIGREE_UNROLL for (int c = 0; c < kColumns; ++c) {
        hn::StoreU(sum[p][r][c], d, gradient[p][c] + r * kBlock);
      }
    }
  }
}

// kRows rows of two vectors, as many at a time as 16 registers hold.
template <int kBlock, int kRows>
HWY_INLINE void FewRegisters(std::int64_t tokens, const float* dy, const float* const (&x)[2],
                             float* const (&gradient)[2], bool add, Copiers<kBlock>& next) {
  constexpr int kPart = kRows > 8 ? 6 : 4;
  Outer<kBlock, 1, kPart, 2>(tokens, {dy}, x, {{gradient[0], gradient[1]}}, add, next);
  if constexpr (kRows > kPart) {
    FewRegisters<kBlock, kRows - kPart>(
        tokens, dy + kPart, x, {gradient[0] + kPart * kBlock, gradient[1] + kPart * kBlock}, add, next);
  }
}

// One block. Not inlined: the state of copying would take the registers of the loop.
template <int kBlock>
HWY_NOINLINE void Single(std::int64_t tokens, const float* dy, const float* x, float* gradient, bool add,
                         Copiers<kBlock>& next) {
  if constexpr (kSideVectors<kBlock> == 1) {
    Outer<kBlock, 1, kBlock, 1>(tokens, {dy}, {x}, {{gradient}}, add, next);
  } else {
    constexpr int kHalf = kBlock / 2;
    FewRegisters<kBlock, kBlock>(tokens, dy, {x, x + kHalf}, {gradient, gradient + kHalf}, add, next);
  }
}

// Two blocks of 8: of one block row, where a broadcast serves both, or of one block column, where a vector of
// x does. One block alone has too few sums to hide the latency of multiply-adds.
HWY_NOINLINE void Pair(const SddTask<float>& task, std::int64_t tokens, const float* group,
                       const float* other0, const float* other1, float* gradient0, float* gradient1, bool add,
                       Copiers<8>& next) {
  if (task.by_columns) {
    if constexpr (kManyRegisters) {
      Outer<8, 2, 8, 1>(tokens, {other0, other1}, {group}, {{gradient0}, {gradient1}}, add, next);
    } else {
      Single<8>(tokens, other0, group, gradient0, add, next);
      Single<8>(tokens, other1, group, gradient1, add, next);
    }
  } else {
    if constexpr (kManyRegisters) {
      Outer<8, 1, 8, 2>(tokens, {group}, {other0, other1}, {{gradient0, gradient1}}, add, next);
    } else {
      FewRegisters<8, 8>(tokens, group, {other0, other1}, {gradient0, gradient1}, add, next);
    }
  }
}

// The blocks of group g. group, other: the copies.
template <int kBlock>
void OneGroup(const SddTask<float>& task, std::int64_t g, std::int64_t tokens, const float* group,
              const float* other, bool add, Copiers<kBlock>& next) {
  const GroupedBlocks& blocks = task.blocks;
  const std::int64_t copied = tokens * kBlock;
  constexpr std::int64_t kValues = kBlock * kBlock;
  std::int64_t q = blocks.offsets[g];
  const std::int64_t end = blocks.offsets[g + 1];
  if constexpr (kBlock == 8) {
    for (; q + 1 < end; q += 2) {
      Pair(task, tokens, group, other + blocks.others[q] * copied, other + blocks.others[q + 1] * copied,
           task.gradient + blocks.position(q) * kValues, task.gradient + blocks.position(q + 1) * kValues,
           add, next);
    }
  }
  for (; q < end; ++q) {
    const float* copy = other + blocks.others[q] * copied;
    float* gradient = task.gradient + blocks.position(q) * kValues;
    if (task.by_columns) {
      Single<kBlock>(tokens, copy, group, gradient, add, next);
    } else {
      Single<kBlock>(tokens, group, copy, gradient, add, next);
    }
  }
}

// One side's rows of activations.
struct Rows {
  const float* data;
  std::int64_t stride;
  std::int64_t columns;
};

template <int kBlock>
void Sdd(const SddTask<float>& task) {
  const Rows dy{task.dy, task.dy_stride, task.dy_columns};
  const Rows x{task.x, task.x_stride, task.x_columns};
  const Rows& grouped = task.by_columns ? x : dy;
  const Rows& other = task.by_columns ? dy : x;
  const std::int64_t chunk = sdd_chunk(other.columns);
  constexpr std::int64_t kGroups = kSddColumns / kBlock;
  const std::int32_t* offsets = task.blocks.offsets;
  const std::int64_t blocks = offsets[task.last_group] - offsets[task.first_group];

  float* other_copy = task.scratch;
  float* next_other_copy = other_copy + chunk * other.columns;
  float* group_copy = next_other_copy + chunk * other.columns;
  float* next_group_copy = group_copy + chunk * kSddColumns;
  const auto tokens_from = [&](std::int64_t first) {
    const std::int64_t left = task.tokens - first;
    return left < chunk ? (left < 0 ? 0 : left) : chunk;
  };
  const auto copy_other = [&](std::int64_t first, float* to) {
    const std::int64_t tokens = tokens_from(first);
    return Copier<kBlock>(other.data + first * other.stride, other.stride, other.columns, tokens, to, tokens,
                          blocks * (chunk / kTokensPerStep), kAhead);
  };
  // Groups from `begin` on, in step with the multiplications of those before.
  const auto copy_groups = [&](std::int64_t first, std::int64_t begin, float* to) {
    const std::int64_t tokens = tokens_from(first);
    const std::int64_t left = task.last_group - begin;
    const std::int64_t count = left < kGroups ? left : kGroups;
    const std::int64_t before = begin - kGroups < task.first_group ? begin : begin - kGroups;
    const std::int64_t steps = (offsets[begin] - offsets[before]) * (tokens / kTokensPerStep);
    return Copier<kBlock>(grouped.data + first * grouped.stride + begin * kBlock, grouped.stride,
                          (count < 0 ? 0 : count) * kBlock, tokens, to, tokens, steps, kSddColumns);
  };

  copy_other(0, other_copy).finish();
  copy_groups(0, task.first_group, group_copy).finish();
  for (std::int64_t first = 0; first < task.tokens; first += chunk) {
    const std::int64_t tokens = tokens_from(first);
    const bool add = first > 0 || task.accumulate;
    Copier<kBlock> next_other = copy_other(first + chunk, next_other_copy);
    for (std::int64_t begin = task.first_group; begin < task.last_group; begin += kGroups) {
      const bool last = begin + kGroups >= task.last_group;
      Copiers<kBlock> next{next_other, last ? copy_groups(first + chunk, task.first_group, next_group_copy)
                                            : copy_groups(first, begin + kGroups, next_group_copy)};
      const std::int64_t end = last ? task.last_group : begin + kGroups;
      for (std::int64_t g = begin; g < end; ++g) {
        OneGroup<kBlock>(task, g, tokens, group_copy + (g - begin) * tokens * kBlock, other_copy, add, next);
      }
      next.group.finish();
      next_other = next.other;
      float* const used = group_copy;
      group_copy = next_group_copy;
      next_group_copy = used;
    }
    next_other.finish();
    float* const used = other_copy;
    other_copy = next_other_copy;
    next_other_copy = used;
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
