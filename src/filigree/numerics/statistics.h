// What a tensor's values are like, in one pass over it, and what number formats would do to them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "filigree/numerics/formats.h"

namespace filigree {

// What rounding to a format does to finite values. `format.mode` matters for its rounding alone.
struct FormatCounts {
  NamedFormat format;
  std::int64_t underflows = 0;  // other than zero, and rounded to zero
  std::int64_t subnormals = 0;  // rounded to a subnormal number of the format
  std::int64_t overflows = 0;   // rounded to beyond its largest, whatever becomes of them there
};

// Zero, which no tensor need hold, stands for what there is no value of: the mean, the largest magnitude...
// of a tensor without finite values. No member is ever NaN.
struct Statistics {
  static constexpr int kSmallestExponent = -149;  // of FP32's smallest subnormal
  static constexpr int kExponents = 277;          // to 127

  std::int64_t count = 0;  // all values
  std::int64_t nans = 0;
  std::int64_t infinities = 0;
  std::int64_t zeros = 0;
  double mean = 0;                      // of the finite values, as all that follows
  double squared_deviations = 0;        // sum of (value - mean)^2
  double smallest = 0;                  // magnitude other than zero
  double largest = 0;                   // magnitude
  std::vector<FormatCounts> formats{};  // in the order asked for
  // How many have floor(log2|value|) = i + kSmallestExponent, zeros apart.
  std::array<std::int64_t, kExponents> exponents{};

  std::int64_t finite() const { return count - nans - infinities; }
  // Of the finite values: 0 to 1.
  double share(std::int64_t part) const;
  // Of the finite values, divided by their number.
  double standard_deviation() const;
  double root_mean_square() const;

  // Adds the statistics of other values: a batch, a shard. As if of all values at once, but for the last bits
  // of the mean and of the deviations.
  // Errors: they are of other formats.
  void merge(const Statistics& other);
};

// By the place of the values' format in the list (format_index()): what the template below calls.
Statistics format_statistics(int format, const void* values, std::int64_t count,
                             std::span<const NamedFormat> formats);

// Of values[count], T being float or any type of formats.h. The same bits for any number of threads. Values
// are told apart by their bits: it does not matter whether the processor takes denormals for zero. Shares
// are exact: as if every value had been cast. Sums are in double, around the mean of some thousand values,
// and then combined (Chan, Golub and LeVeque 1983): no digits are lost where the mean is far from zero.
// Errors: a format whose mode rounds stochastically, since that depends on random bits.
Statistics statistics(const float* values, std::int64_t count, std::span<const NamedFormat> formats = {});
template <class T>
Statistics statistics(const T* values, std::int64_t count, std::span<const NamedFormat> formats = {}) {
  return format_statistics(format_index<T>(), values, count, formats);
}

}  // namespace filigree
