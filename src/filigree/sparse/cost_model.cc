#include "filigree/sparse/cost_model.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "filigree/sparse/few_columns.h"

namespace filigree::sparse {
namespace {

constexpr auto kForward = Product::kForward;
constexpr auto kGradInput = Product::kGradInput;
constexpr auto kGradWeight = Product::kGradWeight;
constexpr auto kRowMajor = ActivationLayout::kRowMajor;
constexpr auto kTokenMajor = ActivationLayout::kTokenMajor;

// What kernels cost one thread, in operations at the peak (of FP32 multiply-adds): fitted to measurements by
// bench/sparse/fit_cost_model.py. For each of kBlockShapes: the share of the peak that the multiply-adds
// themselves reach, and what each value costs besides (to be read, put in another order, or written). Then
// what a byte of the activations costs, and a call.
struct KernelCost {
  bool avx512;  // or AVX2
  Product product;
  ActivationLayout layout;
  double shares[std::size(kBlockShapes)];
  double value[std::size(kBlockShapes)];
  double activation_byte;
  double call;
};

// clang-format off
constexpr KernelCost kKernelCosts[] = {
    {true, kForward, kRowMajor,
     {0.49, 0.89, 1.07, 0.98, 0.97, 0.9, 0.9, 0.49, 0.49, 0.49}, {25, 38, 14, 0, 7.6, 5.6, 5.6, 25, 25, 25}, 7.2, 740000},
    {true, kGradInput, kRowMajor,
     {0.56, 0.71, 0.96, 0.98, 0.94, 0.83, 0.83, 0.56, 0.56, 0.56}, {200, 54, 20, 20, 10, 9.2, 9.2, 200, 200, 200}, 6, 850000},
    {true, kGradWeight, kRowMajor,
     {0.52, 0.47, 0.96, 0.97, 1.03, 0.96, 0.96, 0.52, 0.52, 0.52}, {140, 380, 34, 18, 14, 64, 64, 140, 140, 140}, 9.2, 790000},
    {true, kForward, kTokenMajor,
     {0.53, 0.49, 0.86, 0.82, 0.98, 0.94, 0.94, 0.53, 0.53, 0.53}, {110, 290, 20, 60, 45, 130, 130, 110, 110, 110}, 4.6, 450000},
    {true, kGradInput, kTokenMajor,
     {0.45, 0.44, 0.98, 0.74, 0.82, 0.89, 0.89, 0.45, 0.45, 0.45}, {460, 600, 170, 47, 28, 87, 87, 460, 460, 460}, 3.8, 120000},
    {true, kGradWeight, kTokenMajor,
     {0.52, 0.47, 0.94, 0.93, 1.0, 0.95, 0.95, 0.52, 0.52, 0.52}, {140, 380, 33, 13, 10, 57, 57, 140, 140, 140}, 8.9, 170000},
    {false, kForward, kRowMajor,
     {0.65, 0.77, 0.95, 0.9, 0.95, 0.92, 0.92, 0.65, 0.65, 0.65}, {51, 46, 23, 13, 17, 14, 14, 51, 51, 51}, 6.3, 450000},
    {false, kGradInput, kRowMajor,
     {0.6, 0.54, 0.86, 0.59, 0.73, 0.66, 0.66, 0.6, 0.6, 0.6}, {220, 63, 33, 30, 25, 14, 14, 220, 220, 220}, 4.4, 360000},
    {false, kGradWeight, kRowMajor,
     {0.46, 0.43, 0.84, 0.97, 1.02, 0.98, 0.98, 0.46, 0.46, 0.46}, {120, 370, 28, 19, 16, 72, 72, 120, 120, 120}, 10, 760000},
    {false, kForward, kTokenMajor,
     {0.49, 0.44, 0.45, 0.65, 0.88, 0.92, 0.92, 0.49, 0.49, 0.49}, {120, 290, 19, 69, 55, 140, 140, 120, 120, 120}, 4.2, 190000},
    {false, kGradInput, kTokenMajor,
     {0.4, 0.4, 0.4, 0.47, 0.73, 0.75, 0.75, 0.4, 0.4, 0.4}, {440, 560, 100, 51, 37, 94, 94, 440, 440, 440}, 0.43, 58000},
    {false, kGradWeight, kTokenMajor,
     {0.47, 0.42, 0.81, 0.97, 1.02, 1.04, 1.04, 0.47, 0.47, 0.47}, {120, 370, 28, 14, 14, 67, 67, 120, 120, 120}, 9.3, 91000},
};
// clang-format on

// The same of products that runs_few_columns_kernel(), on AVX-512 and on AVX2.
struct FewColumnsCost {
  double share;
  double value[std::size(kBlockShapes)];
  double activation_byte;
  double call;
};
constexpr FewColumnsCost kFewColumnsCosts[] = {
    {0.9, {120, 0, 24, 22, 22, 22, 22, 0, 0, 0}, 7, 100000},
    {0.9, {120, 0, 24, 22, 22, 22, 22, 0, 0, 0}, 7, 100000},
};

// Plain loops, against the peak of the instruction set that the compiler was given.
constexpr double kPlainShare = 0.15;
// Products of BF16 pairs do twice the operations of FP32, those of FP64 half of them.
constexpr double kPairs = 2;
constexpr double kDoubles = 0.5;
// Threads share what memory gives.
constexpr double kMemoryByte = 5;

// A dense product: the share of the peak that OpenBLAS reaches with so many samples (of the gradient of the
// weights: that are summed over).
struct DenseRate {
  double samples;
  double multiply;
  double gradient;
};
constexpr DenseRate kDenseRates[] = {
    {1, 1.0, 1.0}, {4, 0.21, 1.0}, {16, 0.49, 0.90}, {64, 0.72, 0.85}, {512, 0.84, 0.86}};
// What a byte of the dense copy costs, and, for each of kBlockShapes, a value that is put there (of the
// gradient: taken from there).
constexpr double kDenseByte = 8;
constexpr double kDenseValue[] = {310, 235, 120, 68, 50, 40, 40, 310, 310, 310};
static_assert(std::size(kDenseValue) == std::size(kBlockShapes));

std::ptrdiff_t block_index(const BsrPattern& w) {
  return std::find(std::begin(kBlockShapes), std::end(kBlockShapes), w.block()) - std::begin(kBlockShapes);
}

const KernelCost& kernel_cost(const Workload& workload) {
  const bool avx512 = workload.isa >= Isa::kAvx512;
  return *std::find_if(std::begin(kKernelCosts), std::end(kKernelCosts), [&](const KernelCost& cost) {
    return cost.avx512 == avx512 && cost.product == workload.product && cost.layout == workload.layout;
  });
}

// Between the table's rows, linear in the logarithm.
double dense_share(const Workload& workload) {
  const auto samples = static_cast<double>(workload.samples);
  const auto share = [&](const DenseRate& rate) {
    return workload.product == kGradWeight ? rate.gradient : rate.multiply;
  };
  const auto* const last = std::end(kDenseRates) - 1;
  if (samples >= last->samples) return share(*last);
  const auto* upper = std::begin(kDenseRates) + 1;
  while (upper->samples < samples) ++upper;
  const auto* const lower = upper - 1;
  const double part = std::log(samples / lower->samples) / std::log(upper->samples / lower->samples);
  return share(*lower) + part * (share(*upper) - share(*lower));
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
  const bool doubles = workload.element_bytes == 8;
  const double lanes = (workload.isa >= Isa::kAvx512 ? 16 : 8) * (doubles ? kDoubles : 1);
  const bool by_vectors = workload.layout == kRowMajor && workload.product != kGradWeight;
  const double filled = by_vectors ? std::ceil(samples / lanes) * lanes : samples;
  const double activations = (rows + columns) * samples * element;
  const double index = 4 * static_cast<double>(w.block_count() + w.block_rows());

  Cost cost;
  cost.flops = 2 * values * samples;
  cost.bytes = values * element + index + activations;
  const KernelCost& kernel = kernel_cost(workload);
  const std::ptrdiff_t block = block_index(w);
  const bool plain = workload.isa == Isa::kPortable || (doubles && !(by_vectors && w.block() != 1));
  const bool pairs = workload.multiplies_bf16 && workload.isa == Isa::kAvx512Bf16 && w.block().square() &&
                     w.block() != 1 && by_vectors;
  const bool few = workload.isa != Isa::kPortable &&
                   runs_few_columns_kernel(w.block(), workload.product, workload.samples, doubles, pairs);
  const double rate = pairs ? kPairs : doubles ? kDoubles : 1;
  const double share = rate * (plain ? kPlainShare : kernel.shares[block]);
  const FewColumnsCost& few_columns = kFewColumnsCosts[workload.isa >= Isa::kAvx512 ? 0 : 1];
  const double work =
      few ? 2 * values * samples / few_columns.share + values * few_columns.value[block] +
                activations * few_columns.activation_byte
          : 2 * values * filled / share + values * kernel.value[block] + activations * kernel.activation_byte;
  cost.sparse = std::max(work / threads, kMemoryByte * (values * element + index)) +
                (few ? few_columns.call : kernel.call);

  const double dense_arithmetic =
      2 * rows * columns * samples / dense_share(workload) / (doubles ? kDoubles : 1);
  cost.dense =
      (dense_arithmetic + values * kDenseValue[block]) / threads + kDenseByte * rows * columns * element;
  return cost;
}

}  // namespace filigree::sparse
