// Initial values: the same for any number of threads, and the same dense matrix whether it is then
// stored dense, masked or sparse.
#pragma once

#include <cstdint>
#include <vector>

namespace filigree::models {

// BERT's standard deviation; the normal is cut at two of them.
inline constexpr double kInitialStd = 0.02;

// rows x columns truncated-normal values, row-major. `index` names the matrix within the model.
std::vector<float> truncated_normal_matrix(std::uint64_t seed, std::uint64_t index, std::int64_t rows,
                                           std::int64_t columns);

}  // namespace filigree::models
