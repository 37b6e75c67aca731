// The order in which dsd takes single elements: runs of elements of one row of W that lie in one part of x's
// rows. A part stays in L1 while the rows of a window come by, whose sums stay in L2.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "filigree/sparse/kernels/kernels.h"

namespace filigree::sparse {

class RunIndex {
 public:
  // Of no block, with room for `capacity` of them: assign() with so many allocates nothing then.
  RunIndex(std::int64_t capacity, std::int64_t groups, std::int64_t other_groups, bool with_positions);
  // Blocks grouped by one side, as in kernels::GroupedBlocks, rising within each group; positions may be
  // empty. other_groups: number of groups of the other side.
  RunIndex(std::span<const std::int32_t> offsets, std::span<const std::int32_t> others,
           std::span<const std::int32_t> positions, std::int64_t other_groups);
  void assign(std::span<const std::int32_t> offsets, std::span<const std::int32_t> others,
              std::span<const std::int32_t> positions, std::int64_t other_groups);

  // Groups of the other side in each part; the last may have fewer.
  std::int64_t part_size() const { return part_size_; }
  std::int64_t parts() const { return parts_; }
  // Window by window, in each part by part; there the longest first: loops over runs of one length after
  // another end where a CPU expects it. In the first and the last part each group has a run, an empty one if
  // need be: sums begin and end there.
  std::span<const kernels::BlockRun> runs() const { return runs_; }
  // The runs of part p of window w are [section_offsets[i], section_offsets[i + 1]) with i = w * parts + p.
  std::span<const std::int32_t> section_offsets() const { return section_offsets_; }
  // Of each block, in the order of runs, the group of the other side.
  std::span<const std::int32_t> others() const { return others_; }
  // Where values have to be copied into the order of runs, the place of each block's; else empty.
  std::span<const std::int32_t> positions() const { return positions_; }

 private:
  struct PartRun {
    kernels::BlockRun run;
    std::int32_t part;
  };

  // The runs of the groups [first, last), group by group, and the longest of them.
  std::int32_t find_runs(std::span<const std::int32_t> offsets, std::span<const std::int32_t> others,
                         std::int64_t first, std::int64_t last);

  std::int64_t part_size_ = 1;
  std::int64_t parts_ = 0;
  std::vector<kernels::BlockRun> runs_;
  std::vector<std::int32_t> section_offsets_{0};
  std::vector<std::int32_t> others_;
  std::vector<std::int32_t> positions_;
  // Of a window, while it is sorted: its runs, and where the next of a part and length goes.
  std::vector<PartRun> window_runs_;
  std::vector<std::int32_t> places_;
};

}  // namespace filigree::sparse
