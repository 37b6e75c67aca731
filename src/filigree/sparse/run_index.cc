#include "filigree/sparse/run_index.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace filigree::sparse {
namespace {

// As many rows as leave L1 some room, where panels have 32 columns, or are read from L2 fast enough, where
// they have 64.
constexpr std::int64_t kFitL1 = 192;

// More rows than that where runs would be so short that their beginnings and ends cost more.
std::int64_t choose_part_size(std::int64_t blocks, std::int64_t groups, std::int64_t other_groups) {
  constexpr double kShortest = 12;
  const double places = static_cast<double>(groups) * static_cast<double>(other_groups);
  const double run = static_cast<double>(blocks) / places * static_cast<double>(kFitL1);
  if (run >= kShortest) return kFitL1;
  const double wanted = static_cast<double>(kFitL1) * kShortest / std::max(run, 1e-3);
  return std::min(kernels::kMostPart, static_cast<std::int64_t>(std::ceil(wanted / 16)) * 16);
}

}  // namespace

RunIndex::RunIndex(std::int64_t capacity, std::int64_t groups, std::int64_t other_groups,
                   bool with_positions) {
  const auto room = static_cast<std::size_t>(capacity);
  others_.reserve(room);
  if (with_positions) positions_.reserve(room);
  if (capacity == 0) return;
  // Parts are at their smallest where blocks are many.
  const std::int64_t parts = (other_groups + kFitL1 - 1) / kFitL1;
  const std::int64_t windows = (groups + kernels::kWindowGroups - 1) / kernels::kWindowGroups;
  const std::int64_t window = std::min(groups, kernels::kWindowGroups);
  runs_.reserve(static_cast<std::size_t>(std::min(capacity + 2 * groups, groups * parts)));
  window_runs_.reserve(static_cast<std::size_t>(std::min(capacity + 2 * window, window * parts)));
  section_offsets_.reserve(static_cast<std::size_t>(windows * parts) + 1);
  places_.reserve(static_cast<std::size_t>(other_groups + kernels::kMostPart + parts) + 1);
}

RunIndex::RunIndex(std::span<const std::int32_t> offsets, std::span<const std::int32_t> others,
                   std::span<const std::int32_t> positions, std::int64_t other_groups) {
  assign(offsets, others, positions, other_groups);
}

std::int32_t RunIndex::find_runs(std::span<const std::int32_t> offsets, std::span<const std::int32_t> others,
                                 std::int64_t first, std::int64_t last) {
  window_runs_.clear();
  std::int32_t longest = 0;
  const auto add = [&](std::int64_t group, std::int32_t begin, std::int32_t end, std::int64_t part) {
    longest = std::max(longest, end - begin);
    window_runs_.push_back(
        {{static_cast<std::int32_t>(group), begin, end - begin, begin}, static_cast<std::int32_t>(part)});
  };
  for (std::int64_t g = first; g < last; ++g) {
    std::int32_t q = offsets[static_cast<std::size_t>(g)];
    const std::int32_t end = offsets[static_cast<std::size_t>(g) + 1];
    std::int64_t limit = 0;
    for (std::int64_t part = 0; part < parts_; ++part) {
      limit += part_size_;
      const std::int32_t begin = q;
      while (q < end && others[static_cast<std::size_t>(q)] < limit) ++q;
      if (q != begin || part == 0 || part == parts_ - 1) add(g, begin, q, part);
    }
  }
  return longest;
}

void RunIndex::assign(std::span<const std::int32_t> offsets, std::span<const std::int32_t> others,
                      std::span<const std::int32_t> positions, std::int64_t other_groups) {
  constexpr std::int64_t window = kernels::kWindowGroups;
  const auto groups = static_cast<std::int64_t>(offsets.size()) - 1;
  part_size_ = choose_part_size(static_cast<std::int64_t>(others.size()), groups, other_groups);
  parts_ = (other_groups + part_size_ - 1) / part_size_;
  others_.resize(others.size());
  positions_.resize(positions.size());
  runs_.clear();
  section_offsets_.assign(1, 0);
  for (std::int64_t first = 0; first < groups; first += window) {
    const std::int32_t longest = find_runs(offsets, others, first, std::min(groups, first + window));
    // A counting sort by part, the longest first; those of one length keep their order.
    const std::int32_t lengths = longest + 1;
    const auto place_of = [&](const PartRun& run) {
      return static_cast<std::size_t>(run.part) * static_cast<std::size_t>(lengths) +
             static_cast<std::size_t>(longest - run.run.count);
    };
    const std::size_t before = runs_.size();
    places_.assign(static_cast<std::size_t>(parts_) * static_cast<std::size_t>(lengths) + 1, 0);
    places_.front() = static_cast<std::int32_t>(before);
    for (const PartRun& run : window_runs_) ++places_[place_of(run) + 1];
    std::partial_sum(places_.begin(), places_.end(), places_.begin());
    for (std::int64_t part = 1; part <= parts_; ++part) {
      section_offsets_.push_back(places_[static_cast<std::size_t>(part * lengths)]);
    }
    runs_.resize(before + window_runs_.size());
    for (const PartRun& run : window_runs_) {
      runs_[static_cast<std::size_t>(places_[place_of(run)]++)] = run.run;
    }
  }
  std::int32_t next = 0;
  for (kernels::BlockRun& run : runs_) {
    std::copy_n(others.begin() + run.begin, run.count, others_.begin() + next);
    if (!positions.empty()) {
      std::copy_n(positions.begin() + run.begin, run.count, positions_.begin() + next);
      run.values = next;
    }
    run.begin = next;
    next += run.count;
  }
}

}  // namespace filigree::sparse
