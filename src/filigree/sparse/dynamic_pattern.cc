#include "filigree/sparse/dynamic_pattern.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "filigree/base/error.h"

namespace filigree::sparse {
namespace {

// Of whole patterns, so that a shape is checked before memory is set aside.
std::int64_t checked_capacity(std::int64_t rows, std::int64_t columns, BlockShape block,
                              std::int64_t capacity) {
  const std::int64_t places = block_count_for_density(rows, columns, block, 1.0);
  if (capacity < 1 || capacity > places) {
    fail_usage("a matrix of {} x {} has {} places for blocks of {}: a capacity of {} is not possible", rows,
               columns, places, block.text(), capacity);
  }
  return capacity;
}

// Where the blocks of each group begin when they are sorted by it.
void count_groups(std::span<const std::int32_t> groups, std::int64_t number, const char* side,
                  std::vector<std::int32_t>& offsets) {
  offsets.assign(static_cast<std::size_t>(number) + 1, 0);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const std::int32_t group = groups[i];
    if (group < 0 || group >= number) {
      fail_data("block {} of a sparse pattern is in block {} {}, but there are {}", i, side, group, number);
    }
    ++offsets[static_cast<std::size_t>(group) + 1];
  }
  std::partial_sum(offsets.begin(), offsets.end(), offsets.begin());
}

}  // namespace

DynamicBsrPattern::DynamicBsrPattern(std::int64_t rows, std::int64_t columns, BlockShape block,
                                     std::int64_t capacity)
    : capacity_(checked_capacity(rows, columns, block, capacity)), pattern_(rows, columns, block, capacity) {
  const auto room = static_cast<std::size_t>(capacity);
  row_offsets_.reserve(static_cast<std::size_t>(pattern_.block_rows()) + 1);
  column_offsets_.reserve(static_cast<std::size_t>(pattern_.block_columns()) + 1);
  by_column_.reserve(room);
  column_indices_.reserve(room);
  sources_.reserve(room);
}

void DynamicBsrPattern::check_count(std::size_t blocks) const {
  if (blocks > static_cast<std::size_t>(capacity_)) {
    fail_data("a sparse pattern of {} blocks does not fit the capacity of {}; set aside room for more",
              blocks, capacity_);
  }
}

void DynamicBsrPattern::encode(std::span<const std::int32_t> row_offsets,
                               std::span<const std::int32_t> column_indices) {
  check_count(column_indices.size());
  pattern_.assign(row_offsets, column_indices);
}

// Two counting sorts: by column, then, in that order, by row.
void DynamicBsrPattern::encode_coo(std::span<const std::int32_t> block_rows,
                                   std::span<const std::int32_t> block_columns,
                                   std::span<std::int32_t> places) {
  const std::size_t count = block_rows.size();
  if (block_columns.size() != count || (!places.empty() && places.size() != count)) {
    fail_usage("a sparse pattern has {} block rows, {} block columns and {} places: they must be as many",
               count, block_columns.size(), places.size());
  }
  check_count(count);
  count_groups(block_columns, pattern_.block_columns(), "column", column_offsets_);
  count_groups(block_rows, pattern_.block_rows(), "row", row_offsets_);
  by_column_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t place = column_offsets_[static_cast<std::size_t>(block_columns[i])]++;
    by_column_[static_cast<std::size_t>(place)] = static_cast<std::int32_t>(i);
  }
  column_indices_.resize(count);
  sources_.resize(count);
  for (const std::int32_t i : by_column_) {
    const std::int32_t row = block_rows[static_cast<std::size_t>(i)];
    const auto place = static_cast<std::size_t>(row_offsets_[static_cast<std::size_t>(row)]++);
    column_indices_[place] = block_columns[static_cast<std::size_t>(i)];
    sources_[place] = i;
  }
  // The places of the next blocks are those where rows end.
  std::copy_backward(row_offsets_.begin(), row_offsets_.end() - 1, row_offsets_.end());
  row_offsets_.front() = 0;
  for (std::size_t r = 0; r + 1 < row_offsets_.size(); ++r) {
    for (auto p = static_cast<std::size_t>(row_offsets_[r]) + 1;
         p < static_cast<std::size_t>(row_offsets_[r + 1]); ++p) {
      if (column_indices_[p] == column_indices_[p - 1]) {
        fail_data("blocks {} and {} of a sparse pattern are both in block row {}, block column {}",
                  sources_[p - 1], sources_[p], r, column_indices_[p]);
      }
    }
  }
  pattern_.assign(row_offsets_, column_indices_);
  if (places.empty()) return;
  for (std::size_t place = 0; place < count; ++place) {
    places[static_cast<std::size_t>(sources_[place])] = static_cast<std::int32_t>(place);
  }
}

}  // namespace filigree::sparse
