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
     {0.43, 0.8, 1.1, 1, 0.96, 0.98, 0.98, 0.46, 0.92, 1}, {42, 47, 29, 16, 14, 35, 35, 51, 23, 28}, 7.7, 1500000},
    {true, kGradInput, kRowMajor,
     {0.5, 0.69, 0.99, 0.96, 0.95, 0.82, 0.82, 0.87, 0.44, 0.4}, {250, 65, 36, 25, 16, 14, 14, 48, 56, 72}, 7.3, 1100000},
    {true, kGradWeight, kRowMajor,
     {0.47, 0.45, 0.92, 0.92, 0.91, 0.92, 0.92, 0.43, 0.45, 0.43}, {190, 430, 40, 25, 25, 86, 86, 440, 460, 460}, 12, 1400000},
    {true, kForward, kTokenMajor,
     {0.41, 0.99, 0.83, 0.74, 0.92, 0.96, 0.96, 0.57, 1.1, 1.2}, {88, 69, 36, 71, 78, 170, 170, 91, 32, 53}, 8.6, 1600000},
    {true, kGradInput, kTokenMajor,
     {0.45, 0.72, 0.76, 0.77, 0.83, 0.87, 0.87, 0.92, 0.53, 0.46}, {650, 120, 250, 58, 39, 100, 100, 84, 110, 140}, 11, 1800000},
    {true, kGradWeight, kTokenMajor,
     {0.43, 0.37, 0.79, 0.88, 1, 0.91, 0.91, 0.43, 0.42, 0.42}, {220, 450, 54, 31, 24, 88, 88, 450, 450, 440}, 17, 1900000},
    {false, kForward, kRowMajor,
     {0.52, 0.68, 0.79, 0.78, 0.78, 0.81, 0.81, 0.55, 0.71, 0.71}, {51, 47, 8.7, 12, 8.2, 8.4, 8.4, 79, 43, 40}, 9.9, 800000},
    {false, kGradInput, kRowMajor,
     {0.45, 0.46, 0.71, 0.61, 0.77, 0.68, 0.68, 0.56, 0.44, 0.36}, {290, 84, 34, 31, 32, 29, 29, 67, 90, 100}, 6.7, 1500000},
    {false, kGradWeight, kRowMajor,
     {0.43, 0.35, 0.78, 0.75, 0.88, 0.88, 0.88, 0.35, 0.35, 0.36}, {170, 530, 39, 37, 27, 100, 100, 540, 630, 540}, 17, 2100000},
    {false, kForward, kTokenMajor,
     {0.37, 0.74, 0.37, 0.51, 0.75, 0.78, 0.78, 0.55, 0.71, 0.71}, {75, 77, 17, 120, 130, 250, 250, 100, 46, 59}, 11, 1900000},
    {false, kGradInput, kTokenMajor,
     {0.42, 0.52, 0.39, 0.52, 0.64, 0.55, 0.55, 0.51, 0.53, 0.43}, {690, 120, 260, 63, 50, 140, 140, 100, 120, 150}, 9.6, 1600000},
    {false, kGradWeight, kTokenMajor,
     {0.51, 0.4, 0.77, 0.93, 0.91, 0.84, 0.84, 0.41, 0.46, 0.4}, {150, 400, 37, 31, 25, 95, 95, 400, 470, 440}, 17, 1300000},
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
    {1.3, {53, 0, 32, 31, 30, 26, 26, 0, 0, 0}, 20, 1200000},
    {2, {54, 0, 29, 31, 32, 28, 28, 0, 0, 0}, 51, 1000000},
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
    {1, 1, 1}, {4, 0.21, 0.91}, {16, 0.49, 0.89}, {64, 0.69, 0.8}, {512, 0.81, 0.8}};
// What a byte of the dense copy costs, and, for each of kBlockShapes, a value that is put there (of the
// gradient: taken from there).
constexpr double kDenseByte = 13;
constexpr double kDenseValue[] = {335, 240, 128, 81, 61, 42, 42, 42, 215, 200};
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
