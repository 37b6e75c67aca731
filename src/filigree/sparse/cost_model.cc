#include "filigree/sparse/cost_model.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace filigree::sparse {
namespace {

constexpr auto kForward = Product::kForward;
constexpr auto kGradInput = Product::kGradInput;
constexpr auto kGradWeight = Product::kGradWeight;
constexpr auto kRowMajor = ActivationLayout::kRowMajor;
constexpr auto kTokenMajor = ActivationLayout::kTokenMajor;

// Shares of the peak that kernels reach on operands within the caches, for each of kBlockSizes.
struct KernelRates {
  bool avx512;  // or AVX2
  Product product;
  ActivationLayout layout;
  double shares[std::size(kBlockSizes)];
};

constexpr KernelRates kFloatRates[] = {
    {true, kForward, kRowMajor, {0.57, 0.75, 0.91, 0.92, 0.88, 0.88, 0.88}},
    {true, kGradInput, kRowMajor, {0.50, 0.62, 0.80, 0.86, 0.88, 0.88, 0.88}},
    {true, kGradWeight, kRowMajor, {0.34, 0.30, 0.77, 0.79, 0.80, 0.75, 0.75}},
    {true, kForward, kTokenMajor, {0.32, 0.30, 0.68, 0.66, 0.78, 0.75, 0.75}},
    {true, kGradInput, kTokenMajor, {0.32, 0.30, 0.68, 0.62, 0.78, 0.75, 0.75}},
    {true, kGradWeight, kTokenMajor, {0.30, 0.28, 0.62, 0.68, 0.75, 0.72, 0.72}},
    {false, kForward, kRowMajor, {0.33, 0.45, 0.67, 0.62, 0.54, 0.54, 0.54}},
    {false, kGradInput, kRowMajor, {0.33, 0.40, 0.52, 0.52, 0.54, 0.54, 0.54}},
    {false, kGradWeight, kRowMajor, {0.16, 0.15, 0.50, 0.50, 0.51, 0.48, 0.48}},
    {false, kForward, kTokenMajor, {0.25, 0.23, 0.50, 0.50, 0.55, 0.52, 0.52}},
    {false, kGradInput, kTokenMajor, {0.25, 0.23, 0.50, 0.50, 0.55, 0.52, 0.52}},
    {false, kGradWeight, kTokenMajor, {0.16, 0.15, 0.48, 0.48, 0.52, 0.48, 0.48}},
};

// Plain loops, against the peak of the instruction set that the compiler was given.
constexpr double kPlainShare = 0.15;
// Products of BF16 pairs do twice the operations of FP32.
constexpr double kPairs = 2;

// What OpenBLAS reaches of the peak with so many samples.
struct DenseRate {
  double samples;
  double share;
};
constexpr DenseRate kDenseRates[] = {{1, 0.05}, {4, 0.15}, {16, 0.36}, {64, 0.72}, {512, 0.86}};

// Operations that the peak does while a byte moves: to and from memory, and where it stays in a cache that
// all cores share.
constexpr double kMemoryByte = 5;
constexpr double kCacheByte = 1;

double kernel_share(const BsrPattern& w, const Workload& workload) {
  const bool avx512 = workload.isa >= Isa::kAvx512;
  if (workload.isa == Isa::kPortable || workload.element_bytes == 8) return kPlainShare;
  const auto* const block = std::find(std::begin(kBlockSizes), std::end(kBlockSizes), w.block());
  for (const KernelRates& rates : kFloatRates) {
    if (rates.avx512 != avx512 || rates.product != workload.product || rates.layout != workload.layout)
      continue;
    const double share = rates.shares[block - std::begin(kBlockSizes)];
    const bool pairs = workload.element_bytes == 2 && workload.isa == Isa::kAvx512Bf16 && w.block() > 1;
    return pairs ? kPairs * share : share;
  }
  return kPlainShare;
}

// Between the table's rows, linear in the logarithm.
double dense_share(double samples) {
  const auto* const last = std::end(kDenseRates) - 1;
  if (samples >= last->samples) return last->share;
  const auto* upper = std::begin(kDenseRates) + 1;
  while (upper->samples < samples) ++upper;
  const auto* const lower = upper - 1;
  const double part = std::log(samples / lower->samples) / std::log(upper->samples / lower->samples);
  return lower->share + part * (upper->share - lower->share);
}

}  // namespace

Cost estimate_cost(const BsrPattern& w, const Workload& workload) {
  const auto rows = static_cast<double>(w.rows());
  const auto columns = static_cast<double>(w.columns());
  const auto samples = static_cast<double>(workload.samples);
  const auto values = static_cast<double>(w.value_count());
  const double element = workload.element_bytes;
  const auto threads = static_cast<double>(workload.threads);
  // Row-major samples fill whole vectors.
  const double lanes = workload.isa >= Isa::kAvx512 ? 16 : 8;
  const bool by_vectors = workload.layout == kRowMajor && workload.product != kGradWeight;
  const double filled = by_vectors ? std::ceil(samples / lanes) * lanes : samples;
  const double activations = (rows + columns) * samples * element;
  const double index = 4 * static_cast<double>(w.block_count() + w.block_rows());

  Cost cost;
  cost.flops = 2 * values * samples;
  cost.bytes = values * element + index + activations;
  const double arithmetic = 2 * values * filled / kernel_share(w, workload);
  cost.sparse = std::max(arithmetic / threads, kMemoryByte * (values * element + index)) +
                kCacheByte * activations / threads;

  // FP64 has half the lanes.
  const double dense_arithmetic =
      2 * rows * columns * samples / dense_share(samples) * (element == 8 ? 2 : 1);
  // The dense copy is written and read once; so is a dense gradient.
  cost.dense = dense_arithmetic / threads + 2 * kCacheByte * rows * columns * element;
  return cost;
}

}  // namespace filigree::sparse
