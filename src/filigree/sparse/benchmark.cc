#include "filigree/sparse/benchmark.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <optional>
#include <type_traits>
#include <vector>

#include "filigree/base/aligned.h"
#include "filigree/base/error.h"

namespace filigree::sparse {
namespace {

using dense::Transpose;

double seconds_of(const std::function<void()>& body, int repetitions) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < repetitions; ++i) body();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return seconds.count() / repetitions;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// One way of computing a product, and its times.
struct Contender {
  std::string name;
  std::function<void()> product;
  int repetitions = 1;
  std::vector<double> seconds = {};

  // Brings pages and caches in, and finds how often a turn repeats the product.
  void warm_up(double turn_seconds) {
    product();
    const double once = seconds_of(product, 1);
    repetitions = static_cast<int>(std::clamp(std::ceil(turn_seconds / std::max(once, 1e-9)), 1.0, 1e5));
  }
  void take_turn() { seconds.push_back(seconds_of(product, repetitions)); }
};

// Uniform on [-bound, bound], as PopSparse's benchmark draws its operands.
template <typename T>
AlignedVector<T> uniform(std::int64_t count, double bound, Philox& random) {
  AlignedVector<T> values(static_cast<std::size_t>(count));
  for (T& value : values) value = static_cast<T>(static_cast<float>((2 * random.uniform() - 1) * bound));
  return values;
}

std::int64_t blocks_of(const BenchmarkCell& cell) {
  return block_count_for_density(cell.m, cell.k, cell.block, cell.density);
}

BsrPattern pattern_of(const BenchmarkCell& cell, Philox& random) {
  if (cell.matrix != nullptr) return *cell.matrix;
  return pattern_of_kind(cell.pattern, cell.m, cell.k, cell.block, blocks_of(cell), random);
}

// Operands, results and the products of one cell; dense ones are of type D.
template <typename T, typename D>
class Problem {
 public:
  Problem(const BenchmarkCell& cell, Philox& random)
      : cell_(cell),
        w_(pattern_of(cell, random)),
        x_(uniform<T>(cell.k * cell.n, std::sqrt(3.0), random)),
        y_(uniform<T>(cell.m * cell.n, std::sqrt(3.0), random)),
        values_(uniform<T>(w_.value_count(), std::sqrt(3.0 / (w_.density() * static_cast<double>(cell.k))),
                           random)),
        gradient_(static_cast<std::size_t>(w_.value_count())),
        dense_w_(uniform<D>(cell.m * cell.k, std::sqrt(3.0 / static_cast<double>(cell.k)), random)),
        result_(static_cast<std::size_t>(result_size())) {
    if constexpr (!std::is_same_v<T, D>) {
      dense_x_ = uniform<D>(cell.k * cell.n, std::sqrt(3.0), random);
      dense_y_ = uniform<D>(cell.m * cell.n, std::sqrt(3.0), random);
    }
    if constexpr (!std::is_same_v<Result, D>) dense_result_.resize(result_.size());
    const PlanOptions options{.product = cell.op,
                              .layout = cell.layout,
                              .samples = cell.n,
                              .dense_fallback = cell.dense_fallback,
                              .measure = cell.measure};
    if (cell.mode == BenchmarkMode::kDynamic) {
      // Room for more than these blocks: what is left of it must cost nothing.
      const std::int64_t places = w_.block_rows() * w_.block_columns();
      dynamic_.emplace(cell.m, cell.k, cell.block, std::min(places, w_.block_count() + w_.block_count() / 4));
      dynamic_->encode(w_.row_offsets(), w_.column_indices());
      plan_.emplace(*dynamic_, options);
    } else {
      plan_.emplace(w_, options);
    }
  }

  const BsrPattern& w() const { return w_; }
  const Plan<T>& plan() const { return *plan_; }

  void planned_product() {
    switch (cell_.op) {
      case Product::kForward: plan_->multiply(values_.data(), x(), nullptr, out(cell_.m)); return;
      case Product::kGradInput: plan_->multiply(values_.data(), y(), nullptr, out(cell_.k)); return;
      case Product::kGradWeight: plan_->gradient(y(), x(), gradient_.data()); return;
    }
  }

  // What a new pattern costs before its product can run.
  double plan_seconds() {
    constexpr int kTimes = 5;
    std::vector<double> seconds;
    seconds.reserve(kTimes);
    for (int i = 0; i < kTimes; ++i) {
      if (dynamic_) {
        seconds.push_back(seconds_of(
            [&] {
              dynamic_->encode(w_.row_offsets(), w_.column_indices());
              plan_->renew();
            },
            1));
        continue;
      }
      std::vector<std::int32_t> offsets(w_.row_offsets().begin(), w_.row_offsets().end());
      std::vector<std::int32_t> indices(w_.column_indices().begin(), w_.column_indices().end());
      seconds.push_back(seconds_of(
          [&] {
            const Plan<T> plan(
                BsrPattern(w_.rows(), w_.columns(), w_.block(), std::move(offsets), std::move(indices)),
                plan_->options());
          },
          1));
    }
    return median(seconds);
  }

  void dense_product(const dense::DenseLibrary& library) {
    const dense::DenseProduct<D> product = library.product<D>();
    const MatrixView<const D> w(dense_w_.data(), cell_.m, cell_.k);
    const MatrixView<const D> x = activations(same_or(x_, dense_x_), cell_.k);
    const MatrixView<const D> y = activations(same_or(y_, dense_y_), cell_.m);
    D* const result = same_or(result_, dense_result_);
    const Transpose no = Transpose::kNo;
    const Transpose yes = Transpose::kYes;
    switch (cell_.op) {
      case Product::kForward: {
        const MatrixView<D> out = activations(result, cell_.m);
        row_major() ? product(no, no, w, x, out) : product(no, yes, x, w, out);
        return;
      }
      case Product::kGradInput: {
        const MatrixView<D> out = activations(result, cell_.k);
        row_major() ? product(yes, no, w, y, out) : product(no, no, y, w, out);
        return;
      }
      case Product::kGradWeight: {
        const MatrixView<D> gradient(result, cell_.m, cell_.k);
        row_major() ? product(no, yes, y, x, gradient) : product(yes, no, y, x, gradient);
        return;
      }
    }
  }

 private:
  using Result = ResultOf<T>;

  bool row_major() const { return cell_.layout == ActivationLayout::kRowMajor; }
  std::int64_t result_size() const {
    switch (cell_.op) {
      case Product::kForward: return cell_.m * cell_.n;
      case Product::kGradInput: return cell_.k * cell_.n;
      case Product::kGradWeight: break;
    }
    return cell_.m * cell_.k;
  }
  template <typename E>
  MatrixView<E> activations(E* data, std::int64_t features) const {
    return row_major() ? MatrixView<E>(data, features, cell_.n) : MatrixView<E>(data, cell_.n, features);
  }
  MatrixView<const T> x() const { return activations(x_.data(), cell_.k); }
  MatrixView<const T> y() const { return activations(y_.data(), cell_.m); }
  MatrixView<Result> out(std::int64_t features) { return activations(result_.data(), features); }
  // Both sides work on the same memory where they have the same type.
  template <typename Own>
  static D* same_or(AlignedVector<Own>& own, AlignedVector<D>& other) {
    if constexpr (std::is_same_v<Own, D>) {
      return own.data();
    } else {
      return other.data();
    }
  }

  BenchmarkCell cell_;
  BsrPattern w_;
  AlignedVector<T> x_;
  AlignedVector<T> y_;
  AlignedVector<T> values_;
  AlignedVector<GradientOf<T>> gradient_;
  AlignedVector<D> dense_w_;
  AlignedVector<Result> result_;
  // Empty where those above have type D.
  AlignedVector<D> dense_x_;
  AlignedVector<D> dense_y_;
  AlignedVector<D> dense_result_;
  std::optional<DynamicBsrPattern> dynamic_;
  std::optional<Plan<T>> plan_;
};

template <typename T, typename D>
BenchmarkResult measure_types(const BenchmarkCell& cell, const std::vector<dense::DenseLibrary>& libraries,
                              const BenchmarkTiming& timing, std::uint64_t seed) {
  Philox random(seed, Purpose::kTest);
  Problem<T, D> problem(cell, random);
  std::vector<Contender> contenders;
  contenders.reserve(libraries.size() + 1);
  for (const dense::DenseLibrary& library : libraries) {
    if (library.product<D>() == nullptr) continue;
    contenders.push_back({library.name, [&] { problem.dense_product(library); }});
  }
  const std::size_t dense_count = contenders.size();
  if (cell.mode != BenchmarkMode::kDense) {
    contenders.push_back({"planned", [&] { problem.planned_product(); }});
  }
  for (Contender& contender : contenders) contender.warm_up(timing.turn_seconds);
  for (int pair = 0; pair < timing.pairs; ++pair) {
    // The order turns: none always finds the same other's data in the caches.
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      contenders[(i + static_cast<std::size_t>(pair)) % contenders.size()].take_turn();
    }
  }

  const Contender& dense = *std::min_element(
      contenders.begin(), contenders.begin() + static_cast<std::ptrdiff_t>(dense_count),
      [](const Contender& a, const Contender& b) { return median(a.seconds) < median(b.seconds); });
  const Contender& planned = cell.mode == BenchmarkMode::kDense ? dense : contenders.back();
  std::vector<double> speedups;
  speedups.reserve(planned.seconds.size());
  for (std::size_t i = 0; i < planned.seconds.size(); ++i) {
    speedups.push_back(dense.seconds[i] / planned.seconds[i]);
  }
  const double dense_flops =
      2e-9 * static_cast<double>(cell.m) * static_cast<double>(cell.k) * static_cast<double>(cell.n);
  BenchmarkResult result;
  result.density = problem.w().density();
  result.plan_seconds = cell.mode == BenchmarkMode::kDense ? 0 : problem.plan_seconds();
  result.execution = cell.mode == BenchmarkMode::kDense ? Execution::kDense : problem.plan().execution();
  result.seconds = median(planned.seconds);
  result.dense_seconds = median(dense.seconds);
  result.dense_library = dense.name;
  if constexpr (!std::is_same_v<T, D>) {
    result.dense_library += std::is_same_v<D, float> ? " (float32)" : " (bfloat16)";
  }
  result.dense_rate = dense_flops / result.dense_seconds;
  result.nonzero_rate = dense_flops * result.density / result.seconds;
  result.speedup = median(speedups);
  result.ratio = result.speedup * result.density;
  return result;
}

// Beside dense products of BF16, where there are any.
template <typename T>
BenchmarkResult measure_half(const BenchmarkCell& cell, const std::vector<dense::DenseLibrary>& libraries,
                             const BenchmarkTiming& timing, std::uint64_t seed) {
  const bool has_bf16 =
      std::any_of(libraries.begin(), libraries.end(),
                  [](const dense::DenseLibrary& library) { return library.product<BFloat16>() != nullptr; });
  return has_bf16 ? measure_types<T, BFloat16>(cell, libraries, timing, seed)
                  : measure_types<T, float>(cell, libraries, timing, seed);
}

}  // namespace

void check_cell(const BenchmarkCell& cell) {
  if (cell.n < 1) fail_usage("a benchmark needs at least one column of activations, not {}", cell.n);
  const std::int64_t blocks = blocks_of(cell);
  const std::int64_t places = (cell.k + cell.block.columns - 1) / cell.block.columns;
  if (cell.pattern == PatternKind::kOneDenseRow && blocks < places) {
    fail_usage("{} blocks do not fill a row of {} for the pattern one-dense-row; choose a higher density",
               blocks, places);
  }
}

BenchmarkResult measure(const BenchmarkCell& cell, const std::vector<dense::DenseLibrary>& libraries,
                        const BenchmarkTiming& timing, std::uint64_t seed) {
  check_cell(cell);
  switch (cell.type) {
    case BenchmarkType::kFloat64: return measure_types<double, double>(cell, libraries, timing, seed);
    case BenchmarkType::kFloat16: return measure_types<Float16, float>(cell, libraries, timing, seed);
    case BenchmarkType::kBFloat16: return measure_half<BFloat16>(cell, libraries, timing, seed);
    case BenchmarkType::kFloat8E4M3: return measure_half<Float8E4M3>(cell, libraries, timing, seed);
    case BenchmarkType::kFloat8E5M2: return measure_half<Float8E5M2>(cell, libraries, timing, seed);
    case BenchmarkType::kFloat32: break;
  }
  return measure_types<float, float>(cell, libraries, timing, seed);
}

}  // namespace filigree::sparse
