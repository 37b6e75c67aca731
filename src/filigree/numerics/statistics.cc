#include "filigree/numerics/statistics.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "filigree/base/error.h"
#include "filigree/base/parallel.h"
#include "filigree/numerics/cast.h"
#include "filigree/numerics/magnitude_counts.h"

namespace filigree {
namespace {

constexpr std::int64_t kChunk = 1 << 17;  // one task's
constexpr std::int64_t kPart = 2048;      // what stays in the first-level cache while it is looked at twice

struct Moments {
  std::int64_t count = 0;
  double mean = 0;
  double squared_deviations = 0;
};

void add(Moments& to, const Moments& other) {
  if (other.count == 0) return;
  const std::int64_t count = to.count + other.count;
  const double difference = other.mean - to.mean;
  const double share = static_cast<double>(other.count) / static_cast<double>(count);
  to.mean += difference * share;
  to.squared_deviations +=
      other.squared_deviations + difference * difference * share * static_cast<double>(to.count);
  to.count = count;
}

// Sums of eight each let the compiler keep them in vectors.
template <class Term>
double sum(const double* values, std::int64_t count, const Term& term) {
  double sums[8] = {};
  std::int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (int lane = 0; lane < 8; ++lane) sums[lane] += term(values[i + lane]);
  }
  for (; i < count; ++i) sums[0] += term(values[i]);
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

Moments moments(const double* values, std::int64_t count) {
  if (count == 0) return {};
  const double mean = sum(values, count, [](double value) { return value; }) / static_cast<double>(count);
  const auto squared = [mean](double value) { return (value - mean) * (value - mean); };
  return {.count = count, .mean = mean, .squared_deviations = sum(values, count, squared)};
}

// The value of finite bits, subnormal or not, where the processor may take denormals for zero.
double value_of(std::uint32_t bits) {
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude >= 0x800000U) return std::bit_cast<float>(bits);
  const double value = magnitude * 0x1p-149;
  return bits == magnitude ? value : -value;
}

struct ChunkStatistics {
  std::vector<std::int64_t> counts;  // between cuts
  Moments moments;
  std::uint32_t smallest = MagnitudeCuts::kInfinity;
  std::uint32_t largest = 0;

  void add_part(const float* values, std::int64_t count, const MagnitudeCuts& cuts) {
    double finite[kPart];
    std::int64_t found = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto bits = std::bit_cast<std::uint32_t>(values[i]);
      const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
      ++counts[cuts.index(magnitude)];
      if (magnitude >= MagnitudeCuts::kInfinity) continue;
      finite[found++] = value_of(bits);
      largest = std::max(largest, magnitude);
      if (magnitude != 0) smallest = std::min(smallest, magnitude);
    }
    add(moments, filigree::moments(finite, found));
  }

  void merge(const ChunkStatistics& next) {
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += next.counts[i];
    add(moments, next.moments);
    smallest = std::min(smallest, next.smallest);
    largest = std::max(largest, next.largest);
  }
};

// body(floats, count) for each part.
template <class T, class Body>
void for_each_part(const T* values, std::int64_t count, const Body& body) {
  for (std::int64_t begin = 0; begin < count; begin += kPart) {
    const std::int64_t part = std::min(kPart, count - begin);
    if constexpr (std::is_same_v<T, float>) {
      body(values + begin, part);
    } else {
      float floats[kPart];
      cast(values + begin, part, floats);
      body(floats, part);
    }
  }
}

template <class T>
ChunkStatistics count_all(const T* values, std::int64_t count, const MagnitudeCuts& cuts) {
  ChunkStatistics empty;
  empty.counts.resize(cuts.size());
  std::vector<ChunkStatistics> chunks(static_cast<std::size_t>((count + kChunk - 1) / kChunk), empty);
  parallel_chunks(count, kChunk, [&](std::int64_t begin, std::int64_t end) {
    ChunkStatistics& chunk = chunks[static_cast<std::size_t>(begin / kChunk)];
    for_each_part(values + begin, end - begin,
                  [&](const float* floats, std::int64_t part) { chunk.add_part(floats, part, cuts); });
  });
  for (const ChunkStatistics& chunk : chunks) empty.merge(chunk);
  return empty;
}

// The first magnitudes that round to more than zero, to a normal number, and to beyond the largest one.
struct Limits {
  std::uint32_t some;
  std::uint32_t normal;
  std::uint32_t beyond;
};
Limits limits_of(const NamedFormat& row) {
  const Rounding rounding = row.mode.rounding;
  if (rounding == Rounding::kStochastic) {
    fail_usage("what stochastic rounding makes of {} depends on random bits: count with another rounding",
               row.name);
  }
  const auto first = [&](std::uint32_t code) { return first_magnitude_of(row.format, rounding, code); };
  return {.some = first(1),
          .normal = first(row.format.fraction_mask() + 1),
          .beyond = first(row.format.largest_finite() + 1)};
}

MagnitudeCuts cuts_at(const std::vector<Limits>& limits) {
  std::vector<std::uint32_t> cuts;
  for (const Limits& limit : limits) cuts.insert(cuts.end(), {limit.some, limit.normal, limit.beyond});
  return MagnitudeCuts(std::move(cuts));
}

void fill_exponents(Statistics& to, const MagnitudeCuts& cuts, const std::vector<std::int64_t>& counts) {
  for (int bin = 0; bin < Statistics::kExponents; ++bin) {
    const auto begin_of = [](int place) {
      return place < 23 ? 1U << place : static_cast<std::uint32_t>(place - 22) << 23;
    };
    to.exponents[static_cast<std::size_t>(bin)] = cuts.between(counts, begin_of(bin), begin_of(bin + 1));
  }
}

bool same(const NamedFormat& a, const NamedFormat& b) { return a.name == b.name && a.mode == b.mode; }

double smaller_but_zero(double a, double b) {
  if (a == 0 || b == 0) return std::max(a, b);
  return std::min(a, b);
}

template <class T>
Statistics statistics_of(const T* values, std::int64_t count, std::span<const NamedFormat> formats) {
  std::vector<Limits> limits;
  limits.reserve(formats.size());
  for (const NamedFormat& format : formats) limits.push_back(limits_of(format));
  const MagnitudeCuts cuts = cuts_at(limits);
  const ChunkStatistics all = count_all(values, count, cuts);
  const auto between = [&](std::uint32_t begin, std::uint32_t end) {
    return cuts.between(all.counts, begin, end);
  };
  constexpr std::uint32_t kInfinity = MagnitudeCuts::kInfinity;
  Statistics result{.count = count,
                    .nans = between(kInfinity + 1, 0x80000000U),
                    .infinities = between(kInfinity, kInfinity + 1),
                    .zeros = between(0, 1),
                    .mean = all.moments.mean,
                    .squared_deviations = all.moments.squared_deviations,
                    .smallest = all.smallest == kInfinity ? 0 : value_of(all.smallest),
                    .largest = value_of(all.largest)};
  fill_exponents(result, cuts, all.counts);
  for (std::size_t i = 0; i < formats.size(); ++i) {
    result.formats.push_back({.format = formats[i],
                              .underflows = between(1, limits[i].some),
                              .subnormals = between(limits[i].some, limits[i].normal),
                              .overflows = between(limits[i].beyond, kInfinity)});
  }
  return result;
}

}  // namespace

double Statistics::share(std::int64_t part) const {
  return finite() == 0 ? 0 : static_cast<double>(part) / static_cast<double>(finite());
}

double Statistics::standard_deviation() const {
  return finite() == 0 ? 0 : std::sqrt(squared_deviations / static_cast<double>(finite()));
}

double Statistics::root_mean_square() const {
  return finite() == 0 ? 0 : std::sqrt(mean * mean + squared_deviations / static_cast<double>(finite()));
}

void Statistics::merge(const Statistics& other) {
  const auto same_format = [](const FormatCounts& a, const FormatCounts& b) {
    return same(a.format, b.format);
  };
  if (!std::equal(formats.begin(), formats.end(), other.formats.begin(), other.formats.end(), same_format)) {
    fail("statistics of other formats cannot be merged: ask for the same ones");
  }
  Moments sum{.count = finite(), .mean = mean, .squared_deviations = squared_deviations};
  add(sum, {.count = other.finite(), .mean = other.mean, .squared_deviations = other.squared_deviations});
  mean = sum.mean;
  squared_deviations = sum.squared_deviations;
  count += other.count;
  nans += other.nans;
  infinities += other.infinities;
  zeros += other.zeros;
  smallest = smaller_but_zero(smallest, other.smallest);
  largest = std::max(largest, other.largest);
  for (std::size_t i = 0; i < exponents.size(); ++i) exponents[i] += other.exponents[i];
  for (std::size_t i = 0; i < formats.size(); ++i) {
    formats[i].underflows += other.formats[i].underflows;
    formats[i].subnormals += other.formats[i].subnormals;
    formats[i].overflows += other.formats[i].overflows;
  }
}

Statistics statistics(const float* values, std::int64_t count, std::span<const NamedFormat> formats) {
  return statistics_of(values, count, formats);
}

Statistics format_statistics(int format, const void* values, std::int64_t count,
                             std::span<const NamedFormat> formats) {
  Statistics result;
  visit_format(format, [&](auto type) {
    result = statistics_of(static_cast<const decltype(type)*>(values), count, formats);
  });
  return result;
}

}  // namespace filigree
