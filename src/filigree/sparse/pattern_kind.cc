#include "filigree/sparse/pattern_kind.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "filigree/base/error.h"

namespace filigree::sparse {
namespace {

// How many of `total` blocks each row gets, in proportion to `weights`, none more than `places`.
std::vector<std::int64_t> share_out(std::int64_t total, const std::vector<double>& weights,
                                    std::int64_t places) {
  std::vector<std::int64_t> counts(weights.size(), 0);
  std::int64_t left = total;
  while (left > 0) {
    double open = 0;
    for (std::size_t r = 0; r < counts.size(); ++r) {
      if (counts[r] < places) open += weights[r];
    }
    const std::int64_t round = left;
    for (std::size_t r = 0; r < counts.size() && left > 0; ++r) {
      // At least one, so that rounds come to an end.
      const auto wanted =
          std::max<std::int64_t>(1, std::llround(static_cast<double>(round) * weights[r] / open));
      const std::int64_t more = std::min({left, places - counts[r], wanted});
      counts[r] += more;
      left -= more;
    }
  }
  return counts;
}

// Rows of the given numbers of blocks, each at random places.
BsrPattern with_row_counts(std::int64_t rows, std::int64_t columns, BlockShape block,
                           const std::vector<std::int64_t>& counts, Philox& random) {
  const std::int64_t places = (columns + block.columns - 1) / block.columns;
  std::vector<std::int32_t> order(static_cast<std::size_t>(places));
  std::iota(order.begin(), order.end(), 0);
  std::vector<std::int32_t> offsets{0};
  std::vector<std::int32_t> indices;
  for (const std::int64_t count : counts) {
    for (std::int64_t i = 0; i < count; ++i) {
      std::swap(order[i], order[i + static_cast<std::int64_t>(random.below(places - i))]);
    }
    const auto first = static_cast<std::ptrdiff_t>(indices.size());
    indices.insert(indices.end(), order.begin(), order.begin() + count);
    std::sort(indices.begin() + first, indices.end());
    offsets.push_back(static_cast<std::int32_t>(indices.size()));
  }
  return {rows, columns, block, std::move(offsets), std::move(indices)};
}

BsrPattern banded(std::int64_t rows, std::int64_t columns, BlockShape block, std::int64_t count) {
  const std::int64_t block_rows = (rows + block.rows - 1) / block.rows;
  const std::int64_t places = (columns + block.columns - 1) / block.columns;
  const std::vector<std::int64_t> counts = share_out(count, std::vector<double>(block_rows, 1.0), places);
  std::vector<std::int32_t> offsets{0};
  std::vector<std::int32_t> indices;
  for (std::int64_t r = 0; r < block_rows; ++r) {
    const std::int64_t middle = r * places / block_rows;
    const std::int64_t first = std::clamp<std::int64_t>(middle - counts[r] / 2, 0, places - counts[r]);
    for (std::int64_t i = 0; i < counts[r]; ++i) indices.push_back(static_cast<std::int32_t>(first + i));
    offsets.push_back(static_cast<std::int32_t>(indices.size()));
  }
  return {rows, columns, block, std::move(offsets), std::move(indices)};
}

}  // namespace

BsrPattern pattern_of_kind(PatternKind kind, std::int64_t rows, std::int64_t columns, BlockShape block,
                           std::int64_t count, Philox& random) {
  // Checks shape and count for all kinds.
  BsrPattern uniform = BsrPattern::random(rows, columns, block, count, random);
  const std::int64_t block_rows = uniform.block_rows();
  const std::int64_t places = uniform.block_columns();
  switch (kind) {
    case PatternKind::kUniform: return uniform;
    case PatternKind::kBanded: return banded(rows, columns, block, count);
    case PatternKind::kPowerLaw: {
      std::vector<double> weights(block_rows);
      for (std::int64_t r = 0; r < block_rows; ++r) weights[r] = 1.0 / static_cast<double>(r + 1);
      return with_row_counts(rows, columns, block, share_out(count, weights, places), random);
    }
    case PatternKind::kOneDenseRow: break;
  }
  if (count < places) {
    fail_usage("a pattern of {} blocks has no full row of {}; choose a higher density", count, places);
  }
  std::vector<std::int64_t> counts(block_rows, 0);
  if (block_rows > 1) counts = share_out(count - places, std::vector<double>(block_rows - 1, 1.0), places);
  counts.insert(counts.begin() + (block_rows - 1) / 2, places);
  counts.resize(block_rows);
  return with_row_counts(rows, columns, block, counts, random);
}

}  // namespace filigree::sparse
