// Initial values: the same for any number of threads, and the same dense matrix whether it is then
// stored dense, masked or sparse.
#pragma once

#include <cstdint>
#include <vector>

namespace filigree::models {

// BERT's standard deviation; the normal is cut at two of them.
inline constexpr double kInitialStd = 0.02;

enum class Initialiser {
  kBert,  // truncated normal, as above
  kUnit,  // normal of variance 1, for unit-scaled models
};

// rows x columns values, row-major. `index` names the matrix within the model.
std::vector<float> initial_matrix(Initialiser initialiser, std::uint64_t seed, std::uint64_t index,
                                  std::int64_t rows, std::int64_t columns);

}  // namespace filigree::models
