#include "filigree/sparse/benchmark.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <type_traits>
#include <vector>

#include "filigree/base/aligned.h"
#include "filigree/base/error.h"
#include "filigree/sparse/dsd.h"
#include "filigree/sparse/products.h"

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
  void warm_up() {
    constexpr double kLeastSeconds = 1e-3;
    product();
    const double once = seconds_of(product, 1);
    repetitions = static_cast<int>(std::clamp(std::ceil(kLeastSeconds / std::max(once, 1e-9)), 1.0, 1e4));
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

// Operands, results and the products of one cell.
template <typename T>
class Problem {
 public:
  Problem(const BenchmarkCell& cell, Philox& random)
      : cell_(cell),
        w_(pattern_of_kind(cell.pattern, cell.m, cell.k, cell.block, blocks_of(cell), random)),
        x_(uniform<T>(cell.k * cell.n, std::sqrt(3.0), random)),
        y_(uniform<T>(cell.m * cell.n, std::sqrt(3.0), random)),
        values_(uniform<T>(w_.value_count(), std::sqrt(3.0 / (w_.density() * static_cast<double>(cell.k))),
                           random)),
        gradient_(static_cast<std::size_t>(w_.value_count())),
        dense_w_(uniform<T>(cell.m * cell.k, std::sqrt(3.0 / static_cast<double>(cell.k)), random)),
        result_(static_cast<std::size_t>(result_size())) {}

  const BsrPattern& w() const { return w_; }

  void sparse_product() {
    const ConstPointer<T> values = values_.data();
    if (row_major()) {
      if (cell_.op == BenchmarkOp::kForward) dsd<T>(w_, values, x(), nullptr, out(cell_.m));
      if (cell_.op == BenchmarkOp::kGradInput) dsd_transposed<T>(w_, values, y(), out(cell_.k));
    }
    // check_cell() lets only these products of BF16 through.
    if constexpr (!std::is_same_v<T, BFloat16>) {
      if (cell_.op == BenchmarkOp::kGradWeight) {
        row_major() ? sdd_row_major<T>(y(), x(), w_, gradient_.data())
                    : sdd<T>(y(), x(), w_, gradient_.data());
      } else if (!row_major()) {
        if (cell_.op == BenchmarkOp::kForward) dds_transposed<T>(x(), w_, values, nullptr, out(cell_.m));
        if (cell_.op == BenchmarkOp::kGradInput) dds<T>(y(), w_, values, out(cell_.k));
      }
    }
  }

  void dense_product(const dense::DenseLibrary& library) {
    const dense::DenseProduct<T> product = library.product<T>();
    const MatrixView<const T> w(dense_w_.data(), cell_.m, cell_.k);
    const Transpose no = Transpose::kNo;
    const Transpose yes = Transpose::kYes;
    switch (cell_.op) {
      case BenchmarkOp::kForward:
        row_major() ? product(no, no, w, x(), out(cell_.m)) : product(no, yes, x(), w, out(cell_.m));
        return;
      case BenchmarkOp::kGradInput:
        row_major() ? product(yes, no, w, y(), out(cell_.k)) : product(no, no, y(), w, out(cell_.k));
        return;
      case BenchmarkOp::kGradWeight: {
        const MatrixView<T> gradient(result_.data(), cell_.m, cell_.k);
        row_major() ? product(no, yes, y(), x(), gradient) : product(yes, no, y(), x(), gradient);
        return;
      }
    }
  }

 private:
  bool row_major() const { return cell_.layout == ActivationLayout::kRowMajor; }
  std::int64_t result_size() const {
    switch (cell_.op) {
      case BenchmarkOp::kForward: return cell_.m * cell_.n;
      case BenchmarkOp::kGradInput: return cell_.k * cell_.n;
      case BenchmarkOp::kGradWeight: break;
    }
    return cell_.m * cell_.k;
  }
  template <typename E>
  MatrixView<E> activations(E* data, std::int64_t features) const {
    return row_major() ? MatrixView<E>(data, features, cell_.n) : MatrixView<E>(data, cell_.n, features);
  }
  MatrixView<const T> x() const { return activations(x_.data(), cell_.k); }
  MatrixView<const T> y() const { return activations(y_.data(), cell_.m); }
  MatrixView<T> out(std::int64_t features) { return activations(result_.data(), features); }

  BenchmarkCell cell_;
  BsrPattern w_;
  AlignedVector<T> x_;
  AlignedVector<T> y_;
  AlignedVector<T> values_;
  AlignedVector<T> gradient_;
  AlignedVector<T> dense_w_;
  AlignedVector<T> result_;
};

// What a new pattern costs before the product of `cell` can run.
double seconds_to_index(const BsrPattern& w, const BenchmarkCell& cell) {
  constexpr int kTimes = 3;
  std::vector<double> seconds;
  seconds.reserve(kTimes);
  for (int i = 0; i < kTimes; ++i) {
    std::vector<std::int32_t> offsets(w.row_offsets().begin(), w.row_offsets().end());
    std::vector<std::int32_t> indices(w.column_indices().begin(), w.column_indices().end());
    seconds.push_back(seconds_of(
        [&] {
          const BsrPattern pattern(w.rows(), w.columns(), w.block(), std::move(offsets), std::move(indices));
          if (w.block() > 1 || cell.layout == ActivationLayout::kTokenMajor) return;
          if (cell.op == BenchmarkOp::kForward) (void)pattern.row_runs();
          if (cell.op == BenchmarkOp::kGradInput) (void)pattern.column_runs();
        },
        1));
  }
  return median(seconds);
}

template <typename T>
BenchmarkResult measure_type(const BenchmarkCell& cell, const std::vector<dense::DenseLibrary>& libraries,
                             int pairs, std::uint64_t seed) {
  Philox random(seed, Purpose::kTest);
  Problem<T> problem(cell, random);
  std::vector<Contender> contenders;
  contenders.reserve(libraries.size() + 1);
  for (const dense::DenseLibrary& library : libraries) {
    if (library.product<T>() == nullptr) continue;
    contenders.push_back({library.name, [&] { problem.dense_product(library); }});
  }
  if (contenders.empty()) {
    fail_missing("no dense library here multiplies this type on this CPU; install libdnnl2 (oneDNN)");
  }
  contenders.push_back({"sparse", [&] { problem.sparse_product(); }});
  for (Contender& contender : contenders) contender.warm_up();
  for (int pair = 0; pair < pairs; ++pair) {
    // The order turns: none always finds the same other's data in the caches.
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      contenders[(i + static_cast<std::size_t>(pair)) % contenders.size()].take_turn();
    }
  }

  const Contender& sparse = contenders.back();
  const Contender& dense = *std::min_element(
      contenders.begin(), contenders.end() - 1,
      [](const Contender& a, const Contender& b) { return median(a.seconds) < median(b.seconds); });
  std::vector<double> speedups;
  speedups.reserve(sparse.seconds.size());
  for (std::size_t i = 0; i < sparse.seconds.size(); ++i) {
    speedups.push_back(dense.seconds[i] / sparse.seconds[i]);
  }
  const double dense_flops =
      2e-9 * static_cast<double>(cell.m) * static_cast<double>(cell.k) * static_cast<double>(cell.n);
  BenchmarkResult result;
  result.density = problem.w().density();
  result.pattern_seconds = seconds_to_index(problem.w(), cell);
  result.seconds = median(sparse.seconds);
  result.dense_seconds = median(dense.seconds);
  result.dense_library = dense.name;
  result.dense_rate = dense_flops / result.dense_seconds;
  result.nonzero_rate = dense_flops * result.density / result.seconds;
  result.speedup = median(speedups);
  result.ratio = result.speedup * result.density;
  return result;
}

}  // namespace

void check_cell(const BenchmarkCell& cell) {
  if (cell.n < 1) fail_usage("a benchmark needs at least one column of activations, not {}", cell.n);
  const std::int64_t blocks = blocks_of(cell);
  const std::int64_t places = (cell.k + cell.block - 1) / cell.block;
  if (cell.pattern == PatternKind::kOneDenseRow && blocks < places) {
    fail_usage("{} blocks do not fill a row of {} for the pattern one-dense-row; choose a higher density",
               blocks, places);
  }
  if (cell.type == BenchmarkType::kBFloat16 &&
      (cell.layout != ActivationLayout::kRowMajor || cell.op == BenchmarkOp::kGradWeight)) {
    fail_usage("bfloat16 has the products forward and grad-input of row-major activations");
  }
}

BenchmarkResult measure(const BenchmarkCell& cell, const std::vector<dense::DenseLibrary>& libraries,
                        int pairs, std::uint64_t seed) {
  check_cell(cell);
  return cell.type == BenchmarkType::kBFloat16 ? measure_type<BFloat16>(cell, libraries, pairs, seed)
                                               : measure_type<float>(cell, libraries, pairs, seed);
}

}  // namespace filigree::sparse
