#include "filigree/numerics/norm.h"

#include <cmath>
#include <vector>

#include "filigree/base/parallel.h"

namespace filigree {
namespace {

constexpr std::int64_t kChunk = 16384;

// Eight running sums let the compiler keep the conversion and the addition in vectors.
template <typename T>
double chunk_sum(const T* values, std::int64_t count) {
  double sums[8] = {};
  std::int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (int lane = 0; lane < 8; ++lane) {
      const auto value = static_cast<double>(values[i + lane]);
      sums[lane] += value * value;
    }
  }
  for (; i < count; ++i) sums[0] += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

template <typename T>
double total(const T* values, std::int64_t count) {
  std::vector<double> partial(static_cast<std::size_t>((count + kChunk - 1) / kChunk));
  parallel_chunks(count, kChunk, [&](std::int64_t begin, std::int64_t end) {
    partial[static_cast<std::size_t>(begin / kChunk)] = chunk_sum(values + begin, end - begin);
  });
  double sum = 0;
  for (const double value : partial) sum += value;
  return sum;
}

template <typename T>
std::int64_t find(const T* values, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i])) return i;
  }
  return -1;
}

}  // namespace

double sum_of_squares(const float* values, std::int64_t count) { return total(values, count); }
double sum_of_squares(const double* values, std::int64_t count) { return total(values, count); }
std::int64_t find_non_finite(const float* values, std::int64_t count) { return find(values, count); }
std::int64_t find_non_finite(const double* values, std::int64_t count) { return find(values, count); }

}  // namespace filigree
