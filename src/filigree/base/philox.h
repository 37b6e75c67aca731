// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011). A stream is named by seed, purpose and index, so a result never depends on
// how many threads or ranks drew it.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace filigree {

// What a stream is for. Numbers are part of the checkpoint contract: never renumber.
enum class Purpose : std::uint32_t {
  kInitialise = 1,
  kShuffle = 2,
  kMasking = 3,
  kPattern = 4,
  kPatternUpdate = 5,
  kDropout = 6,
  kNextSentence = 7,
  kSampling = 8,
  kTest = 100,
};

class Philox {
 public:
  // `index` tells apart streams of one purpose (a tensor, an epoch, a sequence), `sub_index` streams
  // within it. Each stream holds 2^34 draws of 32 bits.
  Philox(std::uint64_t seed, Purpose purpose, std::uint64_t index = 0, std::uint32_t sub_index = 0);

  std::uint32_t next_u32();
  std::uint64_t next_u64();
  // Uniform in [0, bound), without bias. bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [0, 1): 53 bits.
  double uniform();
  // Standard normal (Box-Muller).
  double normal();
  // Standard normal, redrawn until within +-limit (BERT's initialiser cuts at 2).
  double truncated_normal(double limit);

  // Fisher-Yates.
  template <typename T>
  void shuffle(std::vector<T>& values) {
    for (std::uint64_t i = values.size(); i > 1; --i) {
      const std::uint64_t j = below(i);
      std::swap(values[i - 1], values[j]);
    }
  }

 private:
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> block_{};
  unsigned used_ = 4;
  bool has_spare_ = false;
  double spare_ = 0;
};

}  // namespace filigree
