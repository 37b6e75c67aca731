// A product planned ahead: the orders that its kernels need are made, threads and panels are chosen, and
// where a pattern is so full that a dense product is faster, that is what runs. PopSparse plans likewise (Li
// et al. 2023, arXiv 2303.16999, sections 3.2 and 3.3).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <type_traits>

#include "filigree/sparse/cost_model.h"
#include "filigree/sparse/dsd.h"
#include "filigree/sparse/dynamic_pattern.h"
#include "filigree/sparse/fp8_products.h"
#include "filigree/sparse/product.h"
#include "filigree/sparse/schedule.h"

namespace filigree::sparse {

struct PlanOptions {
  Product product = Product::kForward;
  ActivationLayout layout = ActivationLayout::kRowMajor;
  // Columns (row-major) or tokens of the activations that the plan is made for; others work too.
  std::int64_t samples = 512;
  // Whether a dense product may run in place of a sparse one. Types of 16 bits and fewer have none.
  bool dense_fallback = true;
  // Choose the schedule by timing, on numbers drawn at random; about half a second. Sparse or dense is the
  // cost model's choice all the same: timing changes no bit of a result.
  bool measure = false;

  bool operator==(const PlanOptions&) const = default;
};

enum class Execution { kSparse, kDense };

// Whether products of T may fall back to dense ones.
template <typename T>
inline constexpr bool kHasDenseFallback = std::is_same_v<T, float> || std::is_same_v<T, double>;

// T: float, double, BFloat16, Float16; Float8E4M3 and Float8E5M2, with bias and results in BFloat16 and
// gradients of weights in FP32.
template <typename T>
class Plan {
 public:
  using Result = ResultOf<T>;

  // For a pattern that stays. Errors (usage): samples below 1 or above 2^31.
  Plan(BsrPattern w, const PlanOptions& options);
  // For a pattern that moves, which must outlive the plan: call renew() after each encode().
  Plan(const DynamicBsrPattern& w, const PlanOptions& options);

  // A file that load() reads: safetensors, with the pattern's arrays and what was chosen (docs/formats.md).
  void save(const std::filesystem::path& path) const;
  // What was chosen for another instruction set or number of threads is chosen anew, without timing. Errors
  // (bad data): the file is missing, damaged, not a plan, of a later version or of another element type.
  static Plan load(const std::filesystem::path& path);

  // Chooses sparse or dense by the cost model for the blocks that are there now; allocates nothing.
  void renew();

  // out = w in + bias (forward), out = w^T in (grad-input); token-major: out = in w^T + bias, out = in w.
  // Plus out where `accumulate`; then, in forward, the activation. bias: of forward's outputs, or nullptr.
  // Errors (usage): shapes that do not fit; a bias or an activation of grad-input; a plan for grad-weight.
  void multiply(const T* values, ConstView<T> in, const Result* bias, MatrixView<Result> out,
                bool accumulate = false, dense::Activation activation = dense::Activation::kNone) const;
  // gradient = dy x^T (row-major) or dy^T x (token-major) at w's blocks, plus gradient where `accumulate`.
  // G: T, or float where T has fewer bits; float for FP8.
  // Errors (usage): shapes that do not fit; a plan for another product.
  template <StoresGradientOf<T> G>
  void gradient(ConstView<T> dy, ConstView<T> x, G* gradient, bool accumulate = false) const;

  const BsrPattern& pattern() const { return *w_; }
  const PlanOptions& options() const { return options_; }
  Execution execution() const { return execution_; }
  const Schedule& schedule() const { return schedule_; }
  const Cost& cost() const { return cost_; }
  // What was chosen and why, in some lines of words and numbers. peak: FP32 GFLOP/s of one thread's
  // multiply-adds (dense::fma_peak_gflops() over threads).
  std::string explain(double peak) const;

 private:
  Plan(std::shared_ptr<const BsrPattern> w, const PlanOptions& options);
  // Makes the orders that kernels need.
  void prepare() const;
  // Whether the product runs on pairs of BF16, and on the kernel of few columns.
  bool multiplies_pairs() const;
  bool few_columns() const;
  void choose_by_timing();
  void run(const T* values, ConstView<T> in, const Result* bias, MatrixView<Result> out, bool accumulate,
           dense::Activation activation, Execution execution, const Schedule& schedule) const;

  std::shared_ptr<const BsrPattern> w_;
  PlanOptions options_;
  Cost cost_;
  Execution execution_ = Execution::kSparse;
  Schedule schedule_;
};

extern template class Plan<float>;
extern template class Plan<double>;
extern template class Plan<BFloat16>;
extern template class Plan<Float16>;
extern template class Plan<Float8E4M3>;
extern template class Plan<Float8E5M2>;

}  // namespace filigree::sparse
