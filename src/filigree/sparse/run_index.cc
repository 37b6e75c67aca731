#include "filigree/sparse/run_index.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace filigree::sparse {
namespace {

// As many rows as leave L1 some room, where panels have 32 columns, or are read from L2 fast enough, where
// they have 64; more where runs would be so short that their beginnings and ends cost more.
std::int64_t choose_part_size(std::int64_t blocks, std::int64_t groups, std::int64_t other_groups) {
  constexpr std::int64_t kFitL1 = 192;
  constexpr double kShortest = 6;
  const double places = static_cast<double>(groups) * static_cast<double>(other_groups);
  const double run = static_cast<double>(blocks) / places * static_cast<double>(kFitL1);
  if (run >= kShortest) return kFitL1;
  const double wanted = static_cast<double>(kFitL1) * kShortest / std::max(run, 1e-3);
  return std::min(kernels::kMostPart, static_cast<std::int64_t>(std::ceil(wanted / 16)) * 16);
}

// Longest first; those of one length keep their order.
void sort_by_length(const std::vector<kernels::BlockRun>& section, std::vector<kernels::BlockRun>& sorted,
                    std::vector<std::size_t>& places) {
  std::int32_t longest = 0;
  for (const kernels::BlockRun& run : section) longest = std::max(longest, run.count);
  // places[i]: how many runs are longer than longest - i, then where the next of that length goes.
  places.assign(static_cast<std::size_t>(longest) + 2, 0);
  for (const kernels::BlockRun& run : section) ++places[static_cast<std::size_t>(longest - run.count) + 1];
  std::partial_sum(places.begin(), places.end(), places.begin());
  sorted.resize(section.size());
  for (const kernels::BlockRun& run : section) {
    sorted[places[static_cast<std::size_t>(longest - run.count)]++] = run;
  }
}

}  // namespace

RunIndex::RunIndex(std::span<const std::int32_t> offsets, std::span<const std::int32_t> others,
                   std::span<const std::int32_t> positions, std::int64_t other_groups)
    : part_size_(choose_part_size(static_cast<std::int64_t>(others.size()),
                                  static_cast<std::int64_t>(offsets.size()) - 1, other_groups)),
      parts_((other_groups + part_size_ - 1) / part_size_) {
  constexpr std::int64_t window = kernels::kWindowGroups;
  const auto groups = static_cast<std::int64_t>(offsets.size()) - 1;
  others_.resize(others.size());
  positions_.resize(positions.size());
  std::int32_t next = 0;
  std::vector<std::vector<kernels::BlockRun>> sections(static_cast<std::size_t>(parts_));
  std::vector<kernels::BlockRun> sorted;
  std::vector<std::size_t> places;
  for (std::int64_t first = 0; first < groups; first += window) {
    const std::int64_t last = std::min(groups, first + window);
    for (std::int64_t g = first; g < last; ++g) {
      const std::int32_t end = offsets[static_cast<std::size_t>(g) + 1];
      std::int32_t q = offsets[static_cast<std::size_t>(g)];
      for (std::int64_t part = 0; part < parts_; ++part) {
        const std::int64_t limit = (part + 1) * part_size_;
        const std::int32_t begin = q;
        while (q < end && others[static_cast<std::size_t>(q)] < limit) ++q;
        if (q == begin && part != 0 && part != parts_ - 1) continue;
        sections[static_cast<std::size_t>(part)].push_back(
            {static_cast<std::int32_t>(g), begin, q - begin, begin});
      }
    }
    for (std::vector<kernels::BlockRun>& section : sections) {
      sort_by_length(section, sorted, places);
      section.clear();
      for (kernels::BlockRun& run : sorted) {
        std::copy_n(others.begin() + run.begin, run.count, others_.begin() + next);
        if (!positions.empty()) {
          std::copy_n(positions.begin() + run.begin, run.count, positions_.begin() + next);
          run.values = next;
        }
        run.begin = next;
        next += run.count;
      }
      runs_.insert(runs_.end(), sorted.begin(), sorted.end());
      section_offsets_.push_back(static_cast<std::int32_t>(runs_.size()));
    }
  }
}

}  // namespace filigree::sparse
