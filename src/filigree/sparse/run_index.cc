#include "filigree/sparse/run_index.h"

#include <algorithm>
#include <cmath>

namespace filigree::sparse {
namespace {

// Rows of 32 floats that leave L1 some room; more where runs would be so short that their beginnings and ends
// cost more than to read from L2.
std::int64_t choose_part_size(std::int64_t blocks, std::int64_t groups, std::int64_t other_groups) {
  constexpr std::int64_t kFitL1 = 192;
  constexpr std::int64_t kMost = 1536;
  constexpr double kShortest = 6;
  const double places = static_cast<double>(groups) * static_cast<double>(other_groups);
  const double run = static_cast<double>(blocks) / places * static_cast<double>(kFitL1);
  if (run >= kShortest) return kFitL1;
  const double wanted = static_cast<double>(kFitL1) * kShortest / std::max(run, 1e-3);
  return std::min(kMost, static_cast<std::int64_t>(std::ceil(wanted / 16)) * 16);
}

}  // namespace

RunIndex::RunIndex(std::span<const std::int32_t> offsets, std::span<const std::int32_t> others,
                   std::span<const std::int32_t> positions, std::int64_t other_groups)
    : part_size_(choose_part_size(static_cast<std::int64_t>(others.size()),
                                  static_cast<std::int64_t>(offsets.size()) - 1, other_groups)) {
  constexpr auto window = static_cast<std::int32_t>(kernels::kWindowGroups);
  const auto groups = static_cast<std::int32_t>(offsets.size() - 1);
  others_.reserve(others.size());
  positions_.reserve(others.size());
  std::vector<std::int32_t> next(offsets.begin(), offsets.end() - 1);
  for (std::int32_t first = 0; first < groups; first += window) {
    const std::int32_t last = std::min(groups, first + window);
    for (std::int64_t limit = part_size_; limit < other_groups + part_size_; limit += part_size_) {
      const auto section = static_cast<std::ptrdiff_t>(runs_.size());
      for (std::int32_t g = first; g < last; ++g) {
        const std::int32_t begin = next[static_cast<std::size_t>(g)];
        std::int32_t end = begin;
        while (end < offsets[static_cast<std::size_t>(g) + 1] &&
               others[static_cast<std::size_t>(end)] < limit) {
          ++end;
        }
        next[static_cast<std::size_t>(g)] = end;
        if (begin < end) runs_.push_back({g, begin, end - begin});
      }
      std::stable_sort(
          runs_.begin() + section, runs_.end(),
          [](const kernels::BlockRun& a, const kernels::BlockRun& b) { return a.count > b.count; });
      for (auto run = runs_.begin() + section; run != runs_.end(); ++run) {
        const std::int32_t begin = run->begin;
        run->begin = static_cast<std::int32_t>(others_.size());
        for (std::int32_t q = begin; q < begin + run->count; ++q) {
          others_.push_back(others[static_cast<std::size_t>(q)]);
          positions_.push_back(positions.empty() ? q : positions[static_cast<std::size_t>(q)]);
        }
      }
    }
    window_offsets_.push_back(static_cast<std::int32_t>(runs_.size()));
  }
}

}  // namespace filigree::sparse
