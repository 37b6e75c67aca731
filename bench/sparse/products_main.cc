// The three block-sparse products against OpenBLAS's dense product of the same shape, in one process,
// interleaved. Prints a Markdown table of medians; GFLOP/s of sparse products count non-zeros only.
#include <cblas.h>
#include <fmt/format.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "filigree/base/aligned.h"
#include "filigree/base/error.h"
#include "filigree/base/isa.h"
#include "filigree/base/main_guard.h"
#include "filigree/base/parallel.h"
#include "filigree/sparse/products.h"

namespace {

using filigree::AlignedVector;
using filigree::MatrixView;
using filigree::Philox;
using filigree::Purpose;
using filigree::sparse::BsrPattern;

struct Options {
  std::vector<int> blocks{16, 8, 4, 1};
  std::vector<double> densities{0.1};
  // rows x columns of W: features out and in.
  std::vector<std::string> shapes{"512x512", "1536x512", "2048x512", "512x2048"};
  std::int64_t tokens = 2048;
  int threads = 1;
  int pairs = 15;
  // CPU time of the calling thread in place of wall time: steadier on a busy machine, for one thread only.
  bool cpu_time = false;
};

double now(const Options& options) {
  timespec time{};
  clock_gettime(options.cpu_time ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double seconds(const Options& options, const std::function<void()>& body) {
  const double start = now(options);
  body();
  return now(options) - start;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

AlignedVector<float> normals(std::int64_t count, Philox& random) {
  AlignedVector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

struct Problem {
  Problem(std::int64_t m, std::int64_t k, std::int64_t t, int block, double density, Philox& random)
      : m(m),
        k(k),
        tokens(t),
        w(BsrPattern::random(m, k, block, filigree::sparse::block_count_for_density(m, k, block, density),
                             random)),
        x(normals(t * k, random)),
        y(normals(t * m, random)),
        values(normals(w.value_count(), random)),
        dense(normals(m * k, random)) {}

  MatrixView<float> x_view() { return {x.data(), tokens, k}; }
  MatrixView<float> y_view() { return {y.data(), tokens, m}; }

  std::int64_t m;
  std::int64_t k;
  std::int64_t tokens;
  BsrPattern w;
  AlignedVector<float> x;
  AlignedVector<float> y;
  AlignedVector<float> values;
  AlignedVector<float> dense;
};

void dense_product(CBLAS_TRANSPOSE transpose_a, CBLAS_TRANSPOSE transpose_b, std::int64_t m, std::int64_t n,
                   std::int64_t k, const float* a, std::int64_t lda, const float* b, std::int64_t ldb,
                   float* c) {
  cblas_sgemm(CblasRowMajor, transpose_a, transpose_b, static_cast<int>(m), static_cast<int>(n),
              static_cast<int>(k), 1.0F, a, static_cast<int>(lda), b, static_cast<int>(ldb), 0.0F, c,
              static_cast<int>(n));
}

void compare(const Options& options, Problem& p, const char* name, const std::function<void()>& dense,
             const std::function<void()>& sparse) {
  std::vector<double> dense_seconds;
  std::vector<double> sparse_seconds;
  std::vector<double> speedups;
  for (int warm_up = 0; warm_up < 2; ++warm_up) {
    dense();
    sparse();
  }
  for (int pair = 0; pair < options.pairs; ++pair) {
    // The order changes: neither always finds the other's data in the caches.
    if (pair % 2 == 0) dense_seconds.push_back(seconds(options, dense));
    sparse_seconds.push_back(seconds(options, sparse));
    if (pair % 2 != 0) dense_seconds.push_back(seconds(options, dense));
    speedups.push_back(dense_seconds.back() / sparse_seconds.back());
  }
  const double flops =
      2e-9 * static_cast<double>(p.m) * static_cast<double>(p.k) * static_cast<double>(p.tokens);
  const double density = p.w.density();
  fmt::print("| {} | {} | {} | {:.3f} | {} | {:.1f} | {:.1f} | {:.2f} | {:.2f} |\n", p.w.block(), p.m, p.k,
             density, name, flops / median(dense_seconds), flops * density / median(sparse_seconds),
             median(speedups) * density, median(speedups));
}

void run(const Options& options) {
  if (options.cpu_time && options.threads != 1) filigree::fail_usage("--cpu-time needs --threads 1");
  filigree::set_thread_count(options.threads);
  fmt::print("{}, {}, {} thread(s), {} tokens, median of {} interleaved pairs, {} time\n\n",
             filigree::cpu_name(), filigree::isa_name(filigree::chosen_isa()), options.threads,
             options.tokens, options.pairs, options.cpu_time ? "CPU" : "wall");
  fmt::print(
      "| block | out | in | density | product | dense GFLOP/s | sparse GFLOP/s | ratio | times faster |\n");
  fmt::print("|---|---|---|---|---|---|---|---|---|\n");
  for (const int block : options.blocks) {
    for (const double density : options.densities) {
      for (const std::string& shape : options.shapes) {
        const auto cross = shape.find('x');
        if (cross == std::string::npos)
          filigree::fail_usage("shape '{}' is not OUTxIN, such as 512x2048", shape);
        const std::int64_t m = std::stoll(shape.substr(0, cross));
        const std::int64_t k = std::stoll(shape.substr(cross + 1));
        const std::int64_t t = options.tokens;
        Philox random(1, Purpose::kTest);
        Problem p(m, k, t, block, density, random);
        AlignedVector<float> out(static_cast<std::size_t>(std::max({t * m, t * k, m * k})));
        AlignedVector<float> gradient(static_cast<std::size_t>(p.w.value_count()));
        compare(
            options, p, "forward",
            [&] {
              dense_product(CblasNoTrans, CblasTrans, t, m, k, p.x.data(), k, p.dense.data(), k, out.data());
            },
            [&] {
              filigree::sparse::dds_transposed<float>(p.x_view(), p.w, p.values.data(), nullptr,
                                                      {out.data(), t, m});
            });
        compare(
            options, p, "input gradient",
            [&] {
              dense_product(CblasNoTrans, CblasNoTrans, t, k, m, p.y.data(), m, p.dense.data(), k,
                            out.data());
            },
            [&] {
              filigree::sparse::dds<float>(p.y_view(), p.w, p.values.data(), {out.data(), t, k});
            });
        compare(
            options, p, "weight gradient",
            [&] {
              dense_product(CblasTrans, CblasNoTrans, m, k, t, p.y.data(), m, p.x.data(), k, out.data());
            },
            [&] { filigree::sparse::sdd<float>(p.y_view(), p.x_view(), p.w, gradient.data()); });
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Block-sparse products against OpenBLAS's dense ones");
  app.add_option("--blocks", options.blocks, "block sizes")->delimiter(',')->capture_default_str();
  app.add_option("--densities", options.densities, "shares of blocks kept")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--shapes", options.shapes, "OUTxIN of the weights")->delimiter(',')->capture_default_str();
  app.add_option("--tokens", options.tokens, "rows of the activations")->capture_default_str();
  app.add_option("--threads", options.threads, "threads of both sides")->capture_default_str();
  app.add_option("--pairs", options.pairs, "interleaved pairs per row of the table")->capture_default_str();
  app.add_flag("--cpu-time", options.cpu_time, "CPU time of one thread, for a busy machine");
  CLI11_PARSE(app, argc, argv);
  return filigree::guarded_main([&] {
    run(options);
    return 0;
  });
}
