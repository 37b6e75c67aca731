#include "filigree/dense/fma_peak.h"

#include "filigree/base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/dense/fma_peak.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace filigree::dense::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

// More chains than any CPU has multiply-adds in flight (2 units times 4 to 5 cycles), and few enough for 16
// registers. Returns their number of floating-point operations; `sink` keeps them from being left out.
constexpr int kChains = 12;
double Chains(long rounds, float* sink) {
  const hn::ScalableTag<float> d;
  hn::Vec<decltype(d)> sum[kChains];
  for (int c = 0; c < kChains; ++c) sum[c] = hn::Set(d, 1.0F + static_cast<float>(c));
  const auto factor = hn::Set(d, *sink);
  const auto term = hn::Set(d, *sink + 0.5F);
  for (long round = 0; round < rounds; ++round) {
    // Only an unrolled loop keeps the sums in registers.
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) sum[c] = hn::MulAdd(sum[c], factor, term);
  }
  auto total = hn::Zero(d);
  for (int c = 0; c < kChains; ++c) total = hn::Add(total, sum[c]);
  *sink = hn::GetLane(total);
  return 2.0 * kChains * static_cast<double>(rounds) * static_cast<double>(hn::Lanes(d));
}

}  // namespace
}  // namespace filigree::dense::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <chrono>
#include <vector>

#include "filigree/base/parallel.h"

namespace filigree::dense {
namespace {

HWY_EXPORT(Chains);

}  // namespace

double fma_peak_gflops() {
  constexpr long kRounds = 400'000;
  constexpr int kRuns = 12;
  const auto chains = FILIGREE_SIMD(Chains);
  // A cache line each: threads must not share one.
  constexpr std::size_t kApart = 16;
  const auto threads = static_cast<std::size_t>(thread_count());
  double best = 0;
  for (int run = 0; run < kRuns; ++run) {
    std::vector<float> sinks(threads * kApart, 0.25F);
    std::vector<double> operations(threads, 0.0);
    const auto start = std::chrono::steady_clock::now();
    parallel_tasks(thread_count(), [&](std::int64_t task, int) {
      const auto at = static_cast<std::size_t>(task);
      operations[at] = chains(kRounds, &sinks[at * kApart]);
    });
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    double total = 0;
    for (const double count : operations) total += count;
    best = std::max(best, 1e-9 * total / seconds.count());
  }
  return best;
}

}  // namespace filigree::dense
#endif
