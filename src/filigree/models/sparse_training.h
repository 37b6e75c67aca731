// Always-sparse training with a moving pattern: magnitude pruning and random re-allocation of blocks
// (Dietrich et al. 2021, arXiv 2108.06277, algorithm 1).
#pragma once

#include "filigree/models/encoder_matrix.h"
//
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace filigree::models {

// When the pattern moves, and how much of it.
struct PatternSchedule {
  std::int64_t steps = 1;    // of the whole run
  std::int64_t updates = 0;  // wanted in the run
  double prune_ratio = 0.5;  // at the start

  // Updates are never closer than this: a newborn block, zero at first, needs time to earn its place.
  static constexpr std::int64_t kShortestInterval = 25;

  std::int64_t interval() const;
  // True where an update follows step `step` (from 1): at multiples of the interval, not after the last step.
  bool due(std::int64_t step) const;
  // prune_ratio * (1 + cos(pi step / steps)) / 2.
  double ratio(std::int64_t step) const;
};

// What an update did, over all matrices.
struct PatternUpdateResult {
  std::int64_t moved = 0;
  std::int64_t blocks = 0;
  std::int64_t removed_new = 0;  // moved blocks that the update before had brought
  std::int64_t new_before = 0;   // blocks that the update before had brought
  bool crowded = false;          // some matrix had no room but in the places just pruned
};

// Ids (row * block columns + column) of a pattern's blocks, rising.
std::vector<std::int32_t> block_ids(const sparse::BsrPattern& pattern);

// The history that the updates need and the checkpoints keep, a part (a named matrix) each.
struct PatternHistory {
  std::vector<std::uint8_t> ever_active;  // [block rows * block columns]
  std::vector<std::int32_t> born_last;    // ids of the last update's new blocks, rising
};

class SparseTraining {
 public:
  // Keeps pointers to the matrices.
  SparseTraining(const std::vector<std::unique_ptr<EncoderMatrix>>& matrices, const PatternSchedule& schedule,
                 std::uint64_t seed);

  const PatternSchedule& schedule() const { return schedule_; }
  bool moves() const { return schedule_.updates > 0 && !histories_.empty(); }

  // Moves blocks as due after `step`. In each part the round(ratio(step) / prune_ratio * ceil(prune_ratio *
  // blocks)) blocks of least L1 norm go (ties: the first in row order), and as many appear at random places
  // that were zero before. Where that leaves too few places, all of them and then random ones among the
  // places just pruned. The number of blocks never changes; values and both Adam moments of the others stay
  // with their blocks; new blocks start at zero in all three.
  PatternUpdateResult update(std::int64_t step);

  // Share of the places that have ever been non-zero, averaged over the matrices (1 - sparsity at the start).
  double coverage() const;
  double coverage(const std::string& part) const;

  std::map<std::string, PatternHistory>& histories() { return histories_; }
  const std::map<std::string, PatternHistory>& histories() const { return histories_; }

 private:
  EncoderMatrix::Pattern move_blocks(EncoderMatrix& matrix, std::size_t part, std::int64_t step,
                                     PatternUpdateResult& result);

  std::vector<EncoderMatrix*> matrices_;
  PatternSchedule schedule_;
  std::uint64_t seed_;
  std::map<std::string, PatternHistory> histories_;  // by part name
  std::map<std::string, std::uint64_t> numbers_;     // of the parts: their random streams
};

}  // namespace filigree::models
