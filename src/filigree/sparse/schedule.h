// How a product is shared out among threads and kernels. It changes speed, and no bit of a result.
#pragma once

#include <cstdint>

#include "filigree/sparse/block_shape.h"

namespace filigree::sparse {

struct Schedule {
  // Columns of activations that a dsd kernel copies at a time, at most; 0: as many as it has sums in
  // registers for.
  std::int64_t panel_columns = 0;
  // Into how many parts the columns (dsd) or tokens (dds), and the block rows or columns of the result, are
  // cut for threads; 0: by rule.
  std::int64_t activation_parts = 0;
  std::int64_t group_parts = 0;

  bool operator==(const Schedule&) const = default;
};

// The parts of a product with so many samples and groups, with what `schedule` leaves open chosen by rule:
// threads take equal parts of the columns, which balances any pattern; where there are too few columns for
// that, also parts of the groups.
Schedule dsd_parts(const Schedule& schedule, std::int64_t columns, std::int64_t groups, int threads);
// Parts of the tokens are whole tiles, several for each thread; where there are too few, parts of the groups.
Schedule dds_parts(const Schedule& schedule, BlockShape block, std::int64_t tokens, std::int64_t groups,
                   int threads);

}  // namespace filigree::sparse
