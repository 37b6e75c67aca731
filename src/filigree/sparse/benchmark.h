// Measures a block-sparse product beside the best dense product of the same shape: one cell of a benchmark.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "filigree/dense/dense_library.h"
#include "filigree/sparse/pattern_kind.h"
#include "filigree/sparse/plan.h"
#include "filigree/sparse/product.h"

namespace filigree::sparse {

// What weights and activations are stored in.
enum class BenchmarkType { kFloat32, kFloat64, kFloat16, kBFloat16, kFloat8E4M3, kFloat8E5M2 };
struct BenchmarkTypeName {
  BenchmarkType type;
  std::string_view name;
};
inline constexpr BenchmarkTypeName kBenchmarkTypes[] = {
    {BenchmarkType::kFloat32, "float32"},        {BenchmarkType::kFloat64, "float64"},
    {BenchmarkType::kFloat16, "float16"},        {BenchmarkType::kBFloat16, "bfloat16"},
    {BenchmarkType::kFloat8E4M3, "float8-e4m3"}, {BenchmarkType::kFloat8E5M2, "float8-e5m2"}};

// A pattern that is known beforehand, one that is encoded into room set aside, or the dense product alone.
enum class BenchmarkMode { kStatic, kDynamic, kDense };
struct BenchmarkModeName {
  BenchmarkMode mode;
  std::string_view name;
};
inline constexpr BenchmarkModeName kBenchmarkModes[] = {{BenchmarkMode::kStatic, "static"},
                                                        {BenchmarkMode::kDynamic, "dynamic"},
                                                        {BenchmarkMode::kDense, "dense"}};

// W is m x k; activations have n columns (or tokens).
struct BenchmarkCell {
  std::int64_t m = 0;
  std::int64_t k = 0;
  std::int64_t n = 0;
  BlockShape block = 16;
  double density = 0.1;
  Product op = Product::kForward;
  ActivationLayout layout = ActivationLayout::kRowMajor;
  PatternKind pattern = PatternKind::kUniform;
  // Where there is one, W's blocks (m, k, block and density are its own) in place of a pattern that is drawn.
  // It must outlive the cell.
  const BsrPattern* matrix = nullptr;
  BenchmarkType type = BenchmarkType::kFloat32;
  BenchmarkMode mode = BenchmarkMode::kStatic;
  // As PlanOptions have them.
  bool dense_fallback = true;
  bool measure = false;
};

// Seconds are medians. Rates are in GFLOP/s.
struct BenchmarkResult {
  double density = 0;       // of the blocks that exist: the nearest to the one asked for
  double plan_seconds = 0;  // from the blocks to a plan; dynamic: to encode other blocks
  Execution execution = Execution::kSparse;
  double seconds = 0;         // of the product as planned, copies and packing included
  double dense_seconds = 0;   // of the fastest dense library
  std::string dense_library;  // and its type, where that is another one: "OpenBLAS (float32)"
  double nonzero_rate = 0;    // the planned product's, non-zeros alone
  double dense_rate = 0;
  double ratio = 0;    // nonzero_rate / dense_rate, the median over pairs
  double speedup = 0;  // dense_seconds / seconds, the median over pairs
};

// Errors (usage): a shape or a block that BsrPattern refuses; no column; a density outside (0, 1]; a pattern
// that has no room for its blocks.
void check_cell(const BenchmarkCell& cell);

struct BenchmarkTiming {
  // Interleaved pairs, each of a turn of the planned product and one of every dense library.
  int pairs = 15;
  // A turn repeats its product for so long at least: what the others left in the caches has little weight
  // then. 0: it runs once, with what they left.
  double turn_seconds = 0.01;
};

// Times a planned product and that of every dense library, on the threads of base/parallel.h.
// Dense products of bfloat16 and float8 are of BF16 where a library has it, and of FP32 elsewhere; those of
// float16 are of FP32: oneDNN 2.6 (Debian 12) has no product of FP16 on CPUs. Errors: as check_cell().
BenchmarkResult measure(const BenchmarkCell& cell, const std::vector<dense::DenseLibrary>& libraries,
                        const BenchmarkTiming& timing, std::uint64_t seed);

}  // namespace filigree::sparse
