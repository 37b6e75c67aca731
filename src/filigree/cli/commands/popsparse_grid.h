// What PopSparse reached: the speed-up of its static products over dense ones in FP16 on an IPU, for m = k,
// as its authors published it (graphcore-research/sparsity-benchmarks, revision bab5449,
// analysis/Analysis.ipynb, cell 20). The figures were read off a heat map's colours: 2 % off at most, and
// clipped at 10.
#pragma once

#include <array>

namespace filigree::cli {

inline constexpr std::array<int, 4> kGridBlocks{1, 4, 8, 16};
inline constexpr std::array<double, 4> kGridDensities{1.0 / 4, 1.0 / 8, 1.0 / 16, 1.0 / 32};
inline constexpr std::array<int, 5> kGridSizes{512, 1024, 2048, 4096, 8192};  // m = k
inline constexpr std::array<int, 5> kGridSamples{4, 16, 64, 256, 1024};       // n

// [block][density][size][samples]; 0 where it ran out of memory.
extern const float kPopSparseSpeedups[4][4][5][5];

}  // namespace filigree::cli
