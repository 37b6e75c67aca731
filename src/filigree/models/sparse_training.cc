#include "filigree/models/sparse_training.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>

#include "filigree/base/error.h"

namespace filigree::models {
namespace {

using Pattern = EncoderMatrix::Pattern;

Pattern pattern_of(const sparse::BsrPattern& like, const std::vector<std::int32_t>& rising_ids) {
  std::vector<std::int32_t> offsets(static_cast<std::size_t>(like.block_rows()) + 1, 0);
  std::vector<std::int32_t> columns;
  columns.reserve(rising_ids.size());
  for (const std::int32_t id : rising_ids) {
    ++offsets[static_cast<std::size_t>(id / like.block_columns()) + 1];
    columns.push_back(static_cast<std::int32_t>(id % like.block_columns()));
  }
  std::partial_sum(offsets.begin(), offsets.end(), offsets.begin());
  return std::make_shared<const sparse::BsrPattern>(like.rows(), like.columns(), like.block(),
                                                    std::move(offsets), std::move(columns));
}

// `count` of `from`, at random, rising.
std::vector<std::int32_t> choose(std::vector<std::int32_t> from, std::int64_t count, Philox& random) {
  for (std::int64_t i = 0; i < count; ++i) {
    const auto j = static_cast<std::size_t>(i) + random.below(from.size() - static_cast<std::size_t>(i));
    std::swap(from[static_cast<std::size_t>(i)], from[j]);
  }
  from.resize(static_cast<std::size_t>(count));
  std::sort(from.begin(), from.end());
  return from;
}

// The three tensors that belong to each block.
std::array<float*, 3> tensors_of(const Parameter& parameter) {
  return {parameter.value.data_ptr<float>(), parameter.first_moment.data_ptr<float>(),
          parameter.second_moment.data_ptr<float>()};
}

// Puts the part's values and moments into the new pattern's order. Only blocks of `kept` bring theirs along;
// all others of `after` become zero, also one that was pruned and has come straight back.
void move_values(EncoderMatrix& matrix, std::size_t part, const std::vector<std::int32_t>& before,
                 const std::vector<std::int32_t>& kept_ids, const std::vector<std::int32_t>& after) {
  const std::int64_t b = matrix.block();
  const std::int64_t block_columns = matrix.in() / b;
  std::vector<float> kept(before.size() * static_cast<std::size_t>(b * b));
  for (float* data : tensors_of(matrix.parameter())) {
    for (std::size_t i = 0; i < before.size(); ++i) {
      const auto place = matrix.block_place(part, before[i] / block_columns, before[i] % block_columns,
                                            static_cast<std::int64_t>(i));
      for (std::int64_t r = 0; r < b; ++r) {
        float* row = data + place.offset + r * place.row_stride;
        std::copy_n(row, b, kept.data() + (static_cast<std::int64_t>(i) * b + r) * b);
        std::fill_n(row, b, 0.0F);
      }
    }
    std::size_t old = 0;
    for (std::size_t i = 0; i < after.size(); ++i) {
      while (old < before.size() && before[old] < after[i]) ++old;
      if (!std::binary_search(kept_ids.begin(), kept_ids.end(), after[i])) continue;
      const auto place = matrix.block_place(part, after[i] / block_columns, after[i] % block_columns,
                                            static_cast<std::int64_t>(i));
      for (std::int64_t r = 0; r < b; ++r) {
        std::copy_n(kept.data() + (static_cast<std::int64_t>(old) * b + r) * b, b,
                    data + place.offset + r * place.row_stride);
      }
    }
  }
}

}  // namespace

std::vector<std::int32_t> block_ids(const sparse::BsrPattern& pattern) {
  std::vector<std::int32_t> ids;
  ids.reserve(static_cast<std::size_t>(pattern.block_count()));
  pattern.for_each_block([&](std::int64_t, std::int64_t row, std::int64_t column) {
    ids.push_back(static_cast<std::int32_t>(row * pattern.block_columns() + column));
  });
  return ids;
}

std::int64_t PatternSchedule::interval() const {
  if (updates <= 0) return 0;
  return std::max(kShortestInterval, steps / (updates + 1));
}

bool PatternSchedule::due(std::int64_t step) const {
  return updates > 0 && step > 0 && step < steps && step % interval() == 0 && step / interval() <= updates;
}

double PatternSchedule::ratio(std::int64_t step) const {
  const double progress = static_cast<double>(step) / static_cast<double>(steps);
  return prune_ratio * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

SparseTraining::SparseTraining(const std::vector<std::unique_ptr<EncoderMatrix>>& matrices,
                               const PatternSchedule& schedule, std::uint64_t seed)
    : schedule_(schedule), seed_(seed) {
  for (const auto& matrix : matrices) {
    matrices_.push_back(matrix.get());
    for (std::size_t p = 0; p < matrix->patterns().size(); ++p) {
      const sparse::BsrPattern& pattern = *matrix->patterns()[p];
      PatternHistory history;
      history.ever_active.assign(static_cast<std::size_t>(pattern.block_rows() * pattern.block_columns()), 0);
      for (const std::int32_t id : block_ids(pattern)) history.ever_active[static_cast<std::size_t>(id)] = 1;
      numbers_.emplace(matrix->part_name(p), numbers_.size());
      histories_.emplace(matrix->part_name(p), std::move(history));
    }
  }
}

PatternUpdateResult SparseTraining::update(std::int64_t step) {
  PatternUpdateResult result;
  for (EncoderMatrix* matrix : matrices_) {
    std::vector<Pattern> patterns;
    for (std::size_t p = 0; p < matrix->patterns().size(); ++p) {
      patterns.push_back(move_blocks(*matrix, p, step, result));
    }
    if (!patterns.empty()) matrix->set_patterns(std::move(patterns));
  }
  return result;
}

Pattern SparseTraining::move_blocks(EncoderMatrix& matrix, std::size_t part, std::int64_t step,
                                    PatternUpdateResult& result) {
  const std::string& name = matrix.part_name(part);
  const sparse::BsrPattern& pattern = *matrix.patterns()[part];
  PatternHistory& history = histories_.at(name);
  const std::vector<std::int32_t> before = block_ids(pattern);
  const auto blocks = static_cast<std::int64_t>(before.size());
  result.blocks += blocks;
  result.new_before += static_cast<std::int64_t>(history.born_last.size());

  const std::int64_t places = pattern.block_rows() * pattern.block_columns();
  const double most = std::ceil(schedule_.prune_ratio * static_cast<double>(blocks));
  const double share = schedule_.prune_ratio > 0 ? schedule_.ratio(step) / schedule_.prune_ratio : 0;
  std::int64_t moved = std::llround(most * share);
  // A full matrix has nowhere to go.
  if (places == blocks) moved = 0;

  // Least L1 norm first. The sum runs in double so that a masked twin with the same values chooses the same
  // blocks.
  const std::int64_t b = matrix.block();
  const float* values = matrix.parameter().value.data_ptr<float>();
  std::vector<double> score(before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto place = matrix.block_place(part, before[i] / pattern.block_columns(),
                                          before[i] % pattern.block_columns(), static_cast<std::int64_t>(i));
    for (std::int64_t r = 0; r < b; ++r) {
      for (std::int64_t c = 0; c < b; ++c)
        score[i] += std::abs(values[place.offset + r * place.row_stride + c]);
    }
  }
  std::vector<std::size_t> by_score(before.size());
  std::iota(by_score.begin(), by_score.end(), std::size_t{0});
  std::stable_sort(by_score.begin(), by_score.end(),
                   [&](std::size_t x, std::size_t y) { return score[x] < score[y]; });

  std::vector<std::int32_t> pruned;
  std::vector<std::int32_t> kept;
  for (std::size_t i = 0; i < by_score.size(); ++i) {
    (static_cast<std::int64_t>(i) < moved ? pruned : kept).push_back(before[by_score[i]]);
  }
  std::sort(pruned.begin(), pruned.end());
  std::sort(kept.begin(), kept.end());

  std::vector<std::int32_t> free_places;
  std::size_t next = 0;
  for (std::int32_t id = 0; id < static_cast<std::int32_t>(places); ++id) {
    if (next < before.size() && before[next] == id) {
      ++next;
    } else {
      free_places.push_back(id);
    }
  }
  Philox random(seed_, Purpose::kPatternUpdate, numbers_.at(name), static_cast<std::uint32_t>(step));
  const auto room = static_cast<std::int64_t>(free_places.size());
  std::vector<std::int32_t> born = choose(free_places, std::min(moved, room), random);
  if (moved > room) {
    result.crowded = true;
    const std::vector<std::int32_t> again = choose(pruned, moved - room, random);
    born.insert(born.end(), again.begin(), again.end());
    std::sort(born.begin(), born.end());
  }

  std::vector<std::int32_t> after;
  std::merge(kept.begin(), kept.end(), born.begin(), born.end(), std::back_inserter(after));
  move_values(matrix, part, before, kept, after);

  std::vector<std::int32_t> removed_new;
  std::set_intersection(pruned.begin(), pruned.end(), history.born_last.begin(), history.born_last.end(),
                        std::back_inserter(removed_new));
  result.moved += moved;
  result.removed_new += static_cast<std::int64_t>(removed_new.size());
  for (const std::int32_t id : born) history.ever_active[static_cast<std::size_t>(id)] = 1;
  history.born_last = std::move(born);
  return pattern_of(pattern, after);
}

double SparseTraining::coverage(const std::string& part) const {
  const auto& active = histories_.at(part).ever_active;
  return static_cast<double>(std::count(active.begin(), active.end(), 1)) /
         static_cast<double>(active.size());
}

double SparseTraining::coverage() const {
  if (histories_.empty()) return 1;
  double total = 0;
  for (const auto& [name, history] : histories_) total += coverage(name);
  return total / static_cast<double>(histories_.size());
}

}  // namespace filigree::models
