// The order in which dsd takes single elements: runs of elements of one row of W that lie in one part of x's
// rows. Parts stay in L1 while the rows of a window come by; the windows' rows of y and elements stay within
// what address translation caches hold.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "filigree/sparse/kernels/kernels.h"

namespace filigree::sparse {

class RunIndex {
 public:
  // Blocks grouped by one side, as in kernels::GroupedBlocks, rising within each group; positions may be
  // empty. other_groups: number of groups of the other side.
  RunIndex(std::span<const std::int32_t> offsets, std::span<const std::int32_t> others,
           std::span<const std::int32_t> positions, std::int64_t other_groups);

  // Groups of the other side in each part; the last may have fewer.
  std::int64_t part_size() const { return part_size_; }
  // Window by window, in each part by part; the longest first: loops over runs of one length after another
  // end where a CPU expects it.
  std::span<const kernels::BlockRun> runs() const { return runs_; }
  // The runs of window i are [window_offsets[i], window_offsets[i + 1]).
  std::span<const std::int32_t> window_offsets() const { return window_offsets_; }
  // Of each block, in the order of runs: the group of the other side, and the place of its values.
  std::span<const std::int32_t> others() const { return others_; }
  std::span<const std::int32_t> positions() const { return positions_; }

 private:
  std::int64_t part_size_;
  std::vector<kernels::BlockRun> runs_;
  std::vector<std::int32_t> window_offsets_{0};
  std::vector<std::int32_t> others_;
  std::vector<std::int32_t> positions_;
};

}  // namespace filigree::sparse
