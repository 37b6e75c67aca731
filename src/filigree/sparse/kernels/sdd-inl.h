// What the sdd kernels share, once per target: the order in which blocks are taken.
#if defined(FILIGREE_SPARSE_SDD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FILIGREE_SPARSE_SDD_INL_H_
#undef FILIGREE_SPARSE_SDD_INL_H_
#else
#define FILIGREE_SPARSE_SDD_INL_H_
#endif

#include "filigree/sparse/kernels/simd-inl.h"

#if !FILIGREE_SPARSE_PLAIN
HWY_BEFORE_NAMESPACE();
namespace filigree::sparse::kernels::HWY_NAMESPACE {

// The first place in [begin, end) whose block is in column `column` or behind it.
HWY_INLINE std::int64_t LowerBound(const std::int32_t* others, std::int64_t begin, std::int64_t end,
                                   std::int64_t column) {
  while (begin < end) {
    const std::int64_t middle = begin + (end - begin) / 2;
    if (others[middle] < column) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

// To fetch a part of a side that is copied soon.
HWY_INLINE RowPrefetcher Fetcher(const SddSide<float>& side, std::int64_t first, std::int64_t features,
                                 std::int64_t first_token, std::int64_t tokens, std::int64_t steps) {
  const float* const from = side.at(first, first_token);
  return side.rows_are_features ? RowPrefetcher(from, side.stride, tokens, features, steps)
                                : RowPrefetcher(from, side.stride, features, tokens, steps);
}

// For each chunk of tokens: copies the task's columns of x (they stay in L2), and a few features of dy
// at a time, and calls blocks(tokens, begin, end, dy, x, accumulate) for each group.
// pack(side, first feature, last feature, first token, tokens, to) makes [group][...] of so many floats for
// each group as padded(tokens) * kBlock.
template <int kBlock, class Padded, class Pack, class Blocks>
HWY_INLINE void ForEachGroup(const SddTask<float>& task, const Padded& padded, const Pack& pack,
                             const Blocks& blocks) {
  constexpr std::int64_t kGroups = sdd_features(kBlock) / kBlock;
  for (std::int64_t g = task.first_group; g < task.last_group; ++g) {
    const std::int32_t* offsets = task.blocks.offsets + g;
    for (int side = 0; side < 2; ++side) {
      task.bounds[2 * (g - task.first_group) + side] = static_cast<std::int32_t>(LowerBound(
          task.blocks.others, offsets[0], offsets[1], side == 0 ? task.first_column : task.last_column));
    }
  }
  std::int64_t found = 0;
  for (std::int64_t i = 0; i < task.last_group - task.first_group; ++i) {
    found += task.bounds[2 * i + 1] - task.bounds[2 * i];
  }
  if (found == 0) return;
  float* const x = task.scratch;
  float* const dy = task.scratch + (task.last_column - task.first_column) * kBlock * task.chunk;
  for (std::int64_t first = 0; first < task.tokens; first += task.chunk) {
    const std::int64_t left = task.tokens - first;
    const std::int64_t tokens = left < task.chunk ? left : task.chunk;
    pack(task.x, task.first_column * kBlock, task.last_column * kBlock, first, tokens, x);
    const std::int64_t group_floats = padded(tokens) * kBlock;
    const std::int64_t behind = first + tokens;
    const std::int64_t tokens_behind = left - tokens < task.chunk ? left - tokens : task.chunk;
    RowPrefetcher next_x =
        Fetcher(task.x, task.first_column * kBlock, (task.last_column - task.first_column) * kBlock, behind,
                tokens_behind, task.last_group - task.first_group);
    RowPrefetcher next_dy = Fetcher(task.dy, 0, 0, 0, 0, 1);
    for (std::int64_t g = task.first_group; g < task.last_group; ++g) {
      const std::int64_t copied = (g - task.first_group) % kGroups;
      if (copied == 0) {
        const std::int64_t last = g + kGroups < task.last_group ? g + kGroups : task.last_group;
        pack(task.dy, g * kBlock, last * kBlock, first, tokens, dy);
        // The next features, or the first ones of the next chunk.
        const bool wraps = last == task.last_group;
        const std::int64_t then = wraps ? task.first_group : last;
        const std::int64_t end = then + kGroups < task.last_group ? then + kGroups : task.last_group;
        next_dy = Fetcher(task.dy, then * kBlock, (end - then) * kBlock, wraps ? behind : first,
                          wraps ? tokens_behind : tokens, last - g);
      }
      next_dy.step();
      next_x.step();
      const std::int64_t begin = task.bounds[2 * (g - task.first_group)];
      const std::int64_t end = task.bounds[2 * (g - task.first_group) + 1];
      if (begin == end) continue;
      blocks(tokens, begin, end, dy + copied * group_floats, x, task.accumulate || first > 0);
    }
  }
}

}  // namespace filigree::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
