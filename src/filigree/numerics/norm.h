// Sums of squares, for gradient norms and for the search for NaN and infinity.
#pragma once

#include <cstdint>

namespace filigree {

// Sum of squares in double over fixed chunks added in order: the same bits for any number of
// threads. NaN or infinity among the values makes it NaN or infinite; nothing else does among floats,
// whose squares all fit (doubles beyond 1e154 overflow: find_non_finite tells the two apart).
double sum_of_squares(const float* values, std::int64_t count);
double sum_of_squares(const double* values, std::int64_t count);

// Index of the first value that is NaN or infinite, or -1.
std::int64_t find_non_finite(const float* values, std::int64_t count);
std::int64_t find_non_finite(const double* values, std::int64_t count);

}  // namespace filigree
