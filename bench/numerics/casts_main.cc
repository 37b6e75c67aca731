// Casts between FP32 and each number format beside memcpy, from memory and within the second-level cache, on
// one thread: bytes read and written a second, and values.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstring>
#include <vector>

#include "../support/timing.h"
#include "filigree/base/aligned.h"
#include "filigree/base/isa.h"
#include "filigree/base/main_guard.h"
#include "filigree/base/philox.h"
#include "filigree/numerics/cast.h"

namespace {

using filigree::AlignedVector;
using filigree::BFloat16;

struct Options {
  std::int64_t memory_count = std::int64_t{1} << 25;
  std::int64_t cache_count = std::int64_t{1} << 15;
  int rounds = 21;
};

// One size: the arrays, and as many repetitions as make a round long enough to time.
class Bench {
 public:
  Bench(std::int64_t count, int rounds)
      : rounds_(rounds),
        repeats_(static_cast<int>(std::max<std::int64_t>(1, (std::int64_t{1} << 22) / count))),
        from_(static_cast<std::size_t>(count)),
        to_(static_cast<std::size_t>(count)) {
    filigree::Philox random(1, filigree::Purpose::kTest);
    for (float& value : from_) value = static_cast<float>(random.normal());
  }

  // Medians of GB/s and of the ratio to memcpy's in the same round, and the cast's 10^9 values a second.
  struct Rate {
    double gigabytes;
    double ratio;
    double values;
  };
  template <class Cast>
  Rate rate(double bytes, const Cast& cast) {
    std::vector<double> seconds;
    std::vector<double> ratios;
    const auto count = static_cast<double>(from_.size());
    for (int round = 0; round < rounds_; ++round) {
      const double copy = seconds_of([&] {
        for (int i = 0; i < repeats_; ++i) {
          std::memcpy(to_.data(), from_.data(), from_.size() * sizeof(float));
          asm volatile("" : : "r"(to_.data()) : "memory");
        }
      });
      seconds.push_back(seconds_of([&] {
        for (int i = 0; i < repeats_; ++i) cast();
      }));
      ratios.push_back(bytes / seconds.back() / (8 / copy));
    }
    const double each = median(seconds) / repeats_;
    return {bytes * count / each / 1e9, median(ratios), count / each / 1e9};
  }

  template <class T>
  std::pair<Rate, Rate> both_ways() {
    const auto count = static_cast<std::int64_t>(from_.size());
    AlignedVector<T> codes(from_.size());
    const double bytes = 4.0 + sizeof(T);
    const Rate encode = rate(bytes, [&] { filigree::cast(from_.data(), count, codes.data()); });
    const Rate decode = rate(bytes, [&] { filigree::cast(codes.data(), count, to_.data()); });
    return {encode, decode};
  }

 private:
  int rounds_;
  int repeats_;
  AlignedVector<float> from_;
  AlignedVector<float> to_;
};

void run(const Options& options) {
  fmt::print("{}, {}, one thread; {} values from memory, {} in cache; medians of {} rounds\n\n",
             filigree::cpu_name(), filigree::isa_name(filigree::chosen_isa()), options.memory_count,
             options.cache_count, options.rounds);
  fmt::print("| from | to | memory GB/s | of memcpy's | cache GB/s | cache 10^9 values/s |\n");
  fmt::print("|---|---|---|---|---|---|\n");
  Bench memory(options.memory_count, options.rounds);
  Bench cache(options.cache_count, options.rounds);
  for (int index = 0; index < static_cast<int>(filigree::float_formats().size()); ++index) {
    const std::string_view name = filigree::float_formats()[static_cast<std::size_t>(index)].name;
    filigree::visit_format(index, [&](auto type) {
      const auto [encode, decode] = memory.both_ways<decltype(type)>();
      const auto [cache_encode, cache_decode] = cache.both_ways<decltype(type)>();
      fmt::print("| float32 | {} | {:.1f} | {:.2f} | {:.1f} | {:.1f} |\n", name, encode.gigabytes,
                 encode.ratio, cache_encode.gigabytes, cache_encode.values);
      fmt::print("| {} | float32 | {:.1f} | {:.2f} | {:.1f} | {:.1f} |\n", name, decode.gigabytes,
                 decode.ratio, cache_decode.gigabytes, cache_decode.values);
    });
  }
}

}  // namespace

int main(int argc, char** argv) {
  return filigree::guarded_main([&] {
    Options options;
    CLI::App app("Casts between FP32 and each number format beside memcpy, on one thread.");
    app.add_option("--memory-count", options.memory_count, "values of arrays beyond the caches")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--cache-count", options.cache_count, "values of arrays within the second-level cache")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--rounds", options.rounds)->check(CLI::PositiveNumber)->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    run(options);
    return 0;
  });
}
