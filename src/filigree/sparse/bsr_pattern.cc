#include "filigree/sparse/bsr_pattern.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <iterator>
#include <limits>
#include <mutex>
#include <optional>

#include "filigree/base/error.h"
#include "filigree/sparse/refinement.h"
#include "filigree/sparse/run_index.h"

namespace filigree::sparse {

namespace {

void check_shape(std::int64_t rows, std::int64_t columns, BlockShape block) {
  if (!is_block_shape(block)) {
    fail_usage("a block size of {} is not supported; choose {}", block.text(), block_shapes_text());
  }
  if (rows <= 0 || columns <= 0) fail_usage("a sparse matrix of {} x {} has no element", rows, columns);
  // Not the sum of rows and the block's: it may overflow.
  const std::int64_t block_rows = (rows - 1) / block.rows + 1;
  const std::int64_t block_columns = (columns - 1) / block.columns + 1;
  constexpr std::int64_t kLimit = std::numeric_limits<std::int32_t>::max();
  if (block_rows >= kLimit || block_columns >= kLimit || block_rows * block_columns > kLimit) {
    fail_usage("a matrix of {} x {} has too many blocks of {} for 32-bit indices; choose a larger block",
               rows, columns, block.text());
  }
}

}  // namespace

// Each is made when it is first asked for.
struct BsrPattern::LazyIndices {
  template <class Index>
  class Slot {
   public:
    template <typename Make>
    const Index& get(const Make& make) {
      if (!made_.load(std::memory_order_acquire)) {
        const std::lock_guard lock(mutex_);
        if (!made_.load(std::memory_order_relaxed)) {
          make(index_);
          made_.store(true, std::memory_order_release);
        }
      }
      return *index_;
    }
    bool made() const { return made_.load(std::memory_order_acquire); }
    // Keeps the storage: make() then finds what was there.
    void forget() { made_.store(false, std::memory_order_release); }

   private:
    std::mutex mutex_;
    std::atomic<bool> made_ = false;
    std::optional<Index> index_;
  };

  Slot<RunIndex> row;
  Slot<RunIndex> column;
  Slot<Refinement> fine;
  Slot<BsrPattern> padded;
};

BsrPattern::BsrPattern(std::int64_t rows, std::int64_t columns, BlockShape block,
                       std::vector<std::int32_t> row_offsets, std::vector<std::int32_t> column_indices)
    : rows_(rows),
      columns_(columns),
      block_(block),
      row_offsets_(std::move(row_offsets)),
      column_indices_(std::move(column_indices)),
      lazy_indices_(std::make_shared<LazyIndices>()) {
  check_shape(rows_, columns_, block_);
  check(row_offsets_, column_indices_);
  index_columns();
}

BsrPattern::BsrPattern(std::int64_t rows, std::int64_t columns, BlockShape block, std::int64_t capacity)
    : rows_(rows),
      columns_(columns),
      block_(block),
      capacity_(capacity),
      lazy_indices_(std::make_shared<LazyIndices>()) {
  const auto room = static_cast<std::size_t>(capacity);
  column_indices_.reserve(room);
  row_indices_.reserve(room);
  block_positions_.reserve(room);
  row_offsets_.assign(block_rows() + 1, 0);
  index_columns();
}

void BsrPattern::assign(std::span<const std::int32_t> row_offsets,
                        std::span<const std::int32_t> column_indices) {
  check(row_offsets, column_indices);
  row_offsets_.assign(row_offsets.begin(), row_offsets.end());
  column_indices_.assign(column_indices.begin(), column_indices.end());
  index_columns();
  // Copies of this pattern keep the orders of their own blocks.
  if (lazy_indices_.use_count() > 1) lazy_indices_ = std::make_shared<LazyIndices>();
  LazyIndices& lazy = *lazy_indices_;
  const auto renew = [](auto& slot, const auto& get) {
    if (!slot.made()) return;
    slot.forget();
    get();
  };
  renew(lazy.row, [&] { (void)row_runs(); });
  renew(lazy.column, [&] { (void)column_runs(); });
  renew(lazy.fine, [&] { (void)refinement(); });
  renew(lazy.padded, [&] { (void)padded(); });
}

void BsrPattern::check(std::span<const std::int32_t> row_offsets,
                       std::span<const std::int32_t> column_indices) const {
  const std::int64_t rows = block_rows();
  const std::int64_t columns = block_columns();
  const auto count = static_cast<std::int64_t>(column_indices.size());
  if (static_cast<std::int64_t>(row_offsets.size()) != rows + 1) {
    fail_data("a sparse pattern of {} block rows needs {} row offsets, but has {}", rows, rows + 1,
              row_offsets.size());
  }
  if (row_offsets.front() != 0 || row_offsets.back() != count) {
    fail_data(
        "the row offsets of a sparse pattern run from {} to {} instead of from 0 to {}, its number of blocks",
        row_offsets.front(), row_offsets.back(), count);
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int32_t begin = row_offsets[r];
    const std::int32_t end = row_offsets[r + 1];
    if (end < begin || end > count) {
      fail_data("the row offsets of a sparse pattern fall, or pass its {} blocks, at block row {} ({} to {})",
                count, r, begin, end);
    }
    for (std::int32_t p = begin; p < end; ++p) {
      const std::int32_t c = column_indices[p];
      if (c < 0 || c >= columns) {
        fail_data("block {} of a sparse pattern is in block column {}, but there are {}", p, c, columns);
      }
      if (p > begin && c <= column_indices[p - 1]) {
        fail_data("block row {} of a sparse pattern has block column {} after {}: they must rise", r, c,
                  column_indices[p - 1]);
      }
    }
  }
}

// A counting sort: rows rise within each column because they are visited in order.
void BsrPattern::index_columns() {
  const std::int64_t columns = block_columns();
  column_offsets_.assign(columns + 1, 0);
  for (const std::int32_t c : column_indices_) ++column_offsets_[c + 1];
  for (std::int64_t c = 0; c < columns; ++c) column_offsets_[c + 1] += column_offsets_[c];
  row_indices_.resize(column_indices_.size());
  block_positions_.resize(column_indices_.size());
  // The offsets serve as places of the next block: each ends at its column's end, where the next begins.
  for (std::int64_t r = 0; r < block_rows(); ++r) {
    for (std::int32_t p = row_offsets_[r]; p < row_offsets_[r + 1]; ++p) {
      const std::int32_t place = column_offsets_[column_indices_[p]]++;
      row_indices_[place] = static_cast<std::int32_t>(r);
      block_positions_[place] = p;
    }
  }
  std::copy_backward(column_offsets_.begin(), column_offsets_.end() - 1, column_offsets_.end());
  column_offsets_.front() = 0;
}

const RunIndex& BsrPattern::row_runs() const {
  return lazy_indices_->row.get([&](std::optional<RunIndex>& index) {
    if (!index) index.emplace(capacity_, block_rows(), block_columns(), false);
    index->assign(row_offsets_, column_indices_, {}, block_columns());
  });
}

const RunIndex& BsrPattern::column_runs() const {
  return lazy_indices_->column.get([&](std::optional<RunIndex>& index) {
    if (!index) index.emplace(capacity_, block_columns(), block_rows(), true);
    index->assign(column_offsets_, row_indices_, block_positions_, block_rows());
  });
}

const BsrPattern& BsrPattern::padded() const {
  return lazy_indices_->padded.get([&](std::optional<BsrPattern>& index) {
    if (!index)
      index.emplace(
          BsrPattern(block_rows() * block_.rows, block_columns() * block_.columns, block_, capacity_));
    index->assign(row_offsets_, column_indices_);
  });
}

const Refinement& BsrPattern::refinement() const {
  if (ragged()) return padded().refinement();
  return lazy_indices_->fine.get([&](std::optional<Refinement>& index) {
    if (!index) index.emplace(*this);
    index->assign(*this);
  });
}

BsrPattern BsrPattern::random(std::int64_t rows, std::int64_t columns, BlockShape block, std::int64_t count,
                              Philox& random) {
  check_shape(rows, columns, block);
  const std::int64_t block_rows = (rows - 1) / block.rows + 1;
  const std::int64_t block_columns = (columns - 1) / block.columns + 1;
  const std::int64_t places = block_rows * block_columns;
  if (count < 1 || count > places || count > std::numeric_limits<std::int32_t>::max()) {
    fail_usage(
        "a pattern of {} blocks cannot be drawn from the {} places of a {} x {} matrix with blocks of {}",
        count, places, rows, columns, block.text());
  }
  std::vector<bool> taken(places, false);
  for (std::int64_t last = places - count; last < places; ++last) {
    const auto drawn = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(last) + 1));
    taken[taken[drawn] ? last : drawn] = true;
  }
  std::vector<std::int32_t> row_offsets(block_rows + 1, 0);
  std::vector<std::int32_t> column_indices;
  column_indices.reserve(count);
  for (std::int64_t r = 0; r < block_rows; ++r) {
    for (std::int64_t c = 0; c < block_columns; ++c) {
      if (taken[r * block_columns + c]) column_indices.push_back(static_cast<std::int32_t>(c));
    }
    row_offsets[r + 1] = static_cast<std::int32_t>(column_indices.size());
  }
  return {rows, columns, block, std::move(row_offsets), std::move(column_indices)};
}

BsrPattern BsrPattern::stack(std::span<const BsrPattern* const> parts) {
  if (parts.empty()) fail_usage("no sparse pattern was given to stack");
  const BsrPattern& first = *parts.front();
  std::int64_t rows = 0;
  std::vector<std::int32_t> row_offsets{0};
  std::vector<std::int32_t> column_indices;
  for (const BsrPattern* part : parts) {
    if (part->columns() != first.columns() || part->block() != first.block()) {
      fail_usage("sparse patterns with {} columns, block {} and {} columns, block {} cannot be stacked",
                 first.columns(), first.block().text(), part->columns(), part->block().text());
    }
    if (part != parts.back() && part->rows() % part->block().rows != 0) {
      fail_usage("a sparse pattern of {} rows, which end within a block of {}, cannot have another below it",
                 part->rows(), part->block().text());
    }
    const auto offset = static_cast<std::int32_t>(column_indices.size());
    for (std::int64_t r = 1; r <= part->block_rows(); ++r)
      row_offsets.push_back(part->row_offsets()[r] + offset);
    column_indices.insert(column_indices.end(), part->column_indices().begin(), part->column_indices().end());
    rows += part->rows();
  }
  return {rows, first.columns(), first.block(), std::move(row_offsets), std::move(column_indices)};
}

BsrPattern BsrPattern::block_diagonal(std::span<const BsrPattern* const> parts) {
  if (parts.empty()) fail_usage("no sparse pattern was given for a diagonal");
  const BlockShape block = parts.front()->block();
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  for (const BsrPattern* part : parts) {
    if (part->block() != block) {
      fail_usage("sparse patterns of blocks of {} and {} cannot share a diagonal", block.text(),
                 part->block().text());
    }
    if (part != parts.back() && part->ragged()) {
      fail_usage(
          "a sparse pattern of {} x {}, which ends within a block of {}, cannot have another behind it",
          part->rows(), part->columns(), block.text());
    }
    rows += part->rows();
    columns += part->columns();
  }
  check_shape(rows, columns, block);
  std::vector<std::int32_t> row_offsets{0};
  std::vector<std::int32_t> column_indices;
  std::int32_t first_column = 0;
  for (const BsrPattern* part : parts) {
    const auto offset = static_cast<std::int32_t>(column_indices.size());
    for (std::int64_t r = 1; r <= part->block_rows(); ++r)
      row_offsets.push_back(part->row_offsets()[r] + offset);
    for (const std::int32_t column : part->column_indices()) column_indices.push_back(first_column + column);
    first_column += static_cast<std::int32_t>(part->block_columns());
  }
  return {rows, columns, block, std::move(row_offsets), std::move(column_indices)};
}

double BsrPattern::density() const {
  return static_cast<double>(block_count()) /
         (static_cast<double>(block_rows()) * static_cast<double>(block_columns()));
}

bool BsrPattern::operator==(const BsrPattern& other) const {
  return rows_ == other.rows_ && columns_ == other.columns_ && block_ == other.block_ &&
         row_offsets_ == other.row_offsets_ && column_indices_ == other.column_indices_;
}

std::int64_t block_count_for_density(std::int64_t rows, std::int64_t columns, BlockShape block,
                                     double density) {
  check_shape(rows, columns, block);
  if (!(density > 0 && density <= 1)) {
    fail_usage("a density of {} leaves no matrix; choose one above 0 and at most 1", density);
  }
  const std::int64_t places = ((rows - 1) / block.rows + 1) * ((columns - 1) / block.columns + 1);
  return std::max<std::int64_t>(1, std::llround(density * static_cast<double>(places)));
}

}  // namespace filigree::sparse
