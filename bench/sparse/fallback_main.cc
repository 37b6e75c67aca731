// Each product by the sparse kernels and by the dense fallback, beside what the cost model expects of both: a
// JSON line for each cell, from which fit_cost_model.py makes the constants of sparse/cost_model.cc, and how
// often the cost model chose well.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "../support/timing.h"
#include "filigree/base/aligned.h"
#include "filigree/base/isa.h"
#include "filigree/base/main_guard.h"
#include "filigree/base/parallel.h"
#include "filigree/dense/fma_peak.h"
#include "filigree/sparse/cost_model.h"
#include "filigree/sparse/dense_fallback.h"
#include "filigree/sparse/dsd.h"
#include "filigree/sparse/products.h"

namespace {

using filigree::AlignedVector;
using filigree::MatrixView;
using filigree::sparse::ActivationLayout;
using filigree::sparse::BlockShape;
using filigree::sparse::BsrPattern;
using filigree::sparse::Product;

struct Options {
  std::vector<std::int64_t> sizes{512, 2048};
  std::vector<std::int64_t> samples{1, 4, 16, 64, 512};
  std::vector<std::string> blocks{"1", "2", "4", "8", "16", "32", "1x16", "16x1", "4x1"};
  std::vector<double> densities{0.0625, 0.25, 0.5, 0.75, 1};
  int threads = 1;
  int pairs = 7;
};

struct Cell {
  ActivationLayout layout;
  Product product;
  std::int64_t size;
  std::int64_t samples;
  BlockShape block;
  double density;
};

// More than the second-level cache, so that each product finds its operands where other work leaves them.
void read_others(const AlignedVector<float>& others) {
  volatile float sum = 0;
  for (const float value : others) sum = sum + value;
}

// The time of the product that the cost model chose, over that of the faster one.
double measure(const Cell& cell, const Options& options, double peak, const AlignedVector<float>& others) {
  namespace sparse = filigree::sparse;
  const std::int64_t m = cell.size;
  const std::int64_t n = cell.samples;
  const std::int64_t places = m / cell.block.rows * (m / cell.block.columns);
  filigree::Philox random(1, filigree::Purpose::kTest);
  const BsrPattern w = BsrPattern::random(
      m, m, cell.block, std::min(places, sparse::block_count_for_density(m, m, cell.block, cell.density)),
      random);
  AlignedVector<float> in(static_cast<std::size_t>(m * n), 1.0F);
  AlignedVector<float> out(static_cast<std::size_t>(m * n));
  AlignedVector<float> values(static_cast<std::size_t>(w.value_count()), 0.5F);
  const bool row_major = cell.layout == ActivationLayout::kRowMajor;
  const MatrixView<float> x(in.data(), row_major ? m : n, row_major ? n : m);
  const MatrixView<float> y(out.data(), row_major ? m : n, row_major ? n : m);

  const auto run_sparse = [&] {
    switch (cell.product) {
      case Product::kForward:
        row_major ? sparse::dsd<float>(w, values.data(), x, nullptr, y)
                  : sparse::dds_transposed<float>(x, w, values.data(), nullptr, y);
        break;
      case Product::kGradInput:
        row_major ? sparse::dsd_transposed<float>(w, values.data(), x, y)
                  : sparse::dds<float>(x, w, values.data(), y);
        break;
      case Product::kGradWeight:
        row_major ? sparse::sdd_row_major<float>(y, x, w, values.data())
                  : sparse::sdd<float>(y, x, w, values.data());
    }
  };
  const auto run_dense = [&] {
    if (cell.product == Product::kGradWeight) {
      sparse::dense_gradient<float>(cell.layout, y, x, w, values.data(), false);
    } else {
      sparse::dense_multiply<float>(cell.product, cell.layout, w, values.data(), x, nullptr, y, false,
                                    filigree::dense::Activation::kNone);
    }
  };

  std::vector<double> sparse_seconds;
  std::vector<double> dense_seconds;
  for (int pair = 0; pair < options.pairs; ++pair) {
    read_others(others);
    sparse_seconds.push_back(seconds_of(run_sparse));
    read_others(others);
    dense_seconds.push_back(seconds_of(run_dense));
    if (pair > 0) continue;
    // What a first run sets aside is not timed.
    sparse_seconds.clear();
    dense_seconds.clear();
  }
  const sparse::Cost cost = estimate_cost(w, {.product = cell.product,
                                              .layout = cell.layout,
                                              .element_bytes = 4,
                                              .samples = n,
                                              .threads = options.threads,
                                              .isa = filigree::chosen_isa()});
  const double by_sparse = median(sparse_seconds);
  const double by_dense = median(dense_seconds);
  const bool dense = cost.dense < cost.sparse;
  const double loss = (dense ? by_dense : by_sparse) / std::min(by_sparse, by_dense);
  fmt::print(
      R"({{"layout":"{}","op":"{}","isa":"{}","m":{},"n":{},"block":"{}","density":{},"threads":{},)"
      R"("sparse_seconds":{:.4g},"dense_seconds":{:.4g},"expected_sparse":{:.4g},"expected_dense":{:.4g},)"
      R"("peak_gflops":{:.1f},"ran":"{}","loss":{:.3f}}})"
      "\n",
      sparse::kActivationLayouts[static_cast<int>(cell.layout)].name,
      sparse::kProducts[static_cast<int>(cell.product)].name, isa_name(filigree::chosen_isa()), m, n,
      cell.block.text(), cell.density, options.threads, by_sparse, by_dense, cost.sparse / (peak * 1e9),
      cost.dense / (peak * 1e9), peak, dense ? "dense" : "sparse", loss);
  return loss;
}

void run(const Options& options) {
  constexpr double kNear = 1.03;
  filigree::set_thread_count(options.threads);
  const double peak = filigree::dense::fma_peak_gflops() / options.threads;
  const AlignedVector<float> others(std::size_t{12} << 18, 1.0F);
  std::int64_t cells = 0;
  std::int64_t near = 0;
  for (const auto& layout : filigree::sparse::kActivationLayouts) {
    for (const auto& product : filigree::sparse::kProducts) {
      for (const std::int64_t size : options.sizes) {
        for (const std::string& block : options.blocks) {
          for (const double density : options.densities) {
            for (const std::int64_t samples : options.samples) {
              const Cell cell{
                  layout.layout, product.product, size, samples, filigree::sparse::parse_block_shape(block),
                  density};
              ++cells;
              if (measure(cell, options, peak, others) <= kNear) ++near;
            }
          }
        }
      }
    }
  }
  fmt::print(stderr, "{} of {} cells ({:.1f} %): what the cost model chose is within 3 % of the faster one\n",
             near, cells, 100 * static_cast<double>(near) / static_cast<double>(cells));
}

}  // namespace

int main(int argc, char** argv) {
  return filigree::guarded_main([&] {
    Options options;
    CLI::App app("Sparse kernels and dense fallback, measured and as the cost model expects them");
    app.add_option("--m", options.sizes, "rows and columns of W")->delimiter(',')->capture_default_str();
    app.add_option("--n", options.samples, "columns or tokens")->delimiter(',')->capture_default_str();
    app.add_option("--block", options.blocks, "block sizes")->delimiter(',')->capture_default_str();
    app.add_option("--density", options.densities, "shares of blocks kept")
        ->delimiter(',')
        ->capture_default_str();
    app.add_option("--threads", options.threads, "threads of both sides")->capture_default_str();
    app.add_option("--pairs", options.pairs, "runs of each, the first of which is not counted")
        ->check(CLI::Range(2, 1000))
        ->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    run(options);
    return 0;
  });
}
