// Products with 1 to 8 columns, from weights beyond the caches: the rate at which they read weights, indices
// and activations, beside that at which this machine reads memory.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "../support/timing.h"
#include "filigree/base/aligned.h"
#include "filigree/base/isa.h"
#include "filigree/base/main_guard.h"
#include "filigree/base/parallel.h"
#include "filigree/sparse/dsd.h"
#include "filigree/sparse/products.h"

namespace {

using filigree::AlignedVector;
using filigree::MatrixView;
using filigree::sparse::BlockShape;
using filigree::sparse::BsrPattern;

struct Options {
  std::int64_t size = 16384;
  double density = 1.0 / 16;
  std::vector<std::string> blocks{"1", "4", "8", "16", "32"};
  std::vector<std::int64_t> samples{1, 2, 4, 8};
  int rounds = 11;
  int threads = 1;
};

// Reads all of `data`, on all threads.
void read(const AlignedVector<float>& data) {
  constexpr std::size_t kPart = 1 << 16;
  constexpr std::size_t kChains = 64;
  filigree::parallel_chunks(static_cast<std::int64_t>(data.size() / kPart), 64,
                            [&](std::int64_t begin, std::int64_t end) {
                              float sums[kChains] = {};
                              const float* from = data.data();
                              for (std::size_t i = static_cast<std::size_t>(begin) * kPart;
                                   i < static_cast<std::size_t>(end) * kPart; i += kChains) {
                                for (std::size_t c = 0; c < kChains; ++c) sums[c] += from[i + c];
                              }
                              [[maybe_unused]] volatile float sink = 0;
                              for (const float sum : sums) sink = sum;
                            });
}

void run(const Options& options) {
  filigree::set_thread_count(options.threads);
  fmt::print("{}, {}, {} thread(s); m = k = {}, density {:.4g}\n\n", filigree::cpu_name(),
             filigree::isa_name(filigree::chosen_isa()), filigree::thread_count(), options.size,
             options.density);
  fmt::print("| block | n | memory GB/s | row-major GB/s | share | token-major GB/s | share |\n");
  fmt::print("|---|---|---|---|---|---|---|\n");
  const AlignedVector<float> memory(std::size_t{64} << 20, 1.0F);
  for (const std::string& text : options.blocks) {
    const BlockShape block = filigree::sparse::parse_block_shape(text);
    const std::int64_t m = options.size;
    filigree::Philox random(1, filigree::Purpose::kTest);
    const BsrPattern w = BsrPattern::random(
        m, m, block, filigree::sparse::block_count_for_density(m, m, block, options.density), random);
    const AlignedVector<float> values(static_cast<std::size_t>(w.value_count()), 0.5F);
    for (const std::int64_t n : options.samples) {
      const AlignedVector<float> x(static_cast<std::size_t>(m * n), 1.0F);
      AlignedVector<float> y(static_cast<std::size_t>(m * n));
      std::vector<double> memory_seconds;
      std::vector<double> row_seconds;
      std::vector<double> token_seconds;
      for (int round = 0; round < options.rounds; ++round) {
        memory_seconds.push_back(seconds_of([&] { read(memory); }));
        row_seconds.push_back(seconds_of([&] {
          filigree::sparse::dsd<float>(w, values.data(), MatrixView<const float>(x.data(), m, n), nullptr,
                                       MatrixView<float>(y.data(), m, n));
        }));
        token_seconds.push_back(seconds_of([&] {
          filigree::sparse::dds_transposed<float>(MatrixView<const float>(x.data(), n, m), w, values.data(),
                                                  nullptr, MatrixView<float>(y.data(), n, m));
        }));
      }
      const double bandwidth = 4e-9 * static_cast<double>(memory.size()) / median(memory_seconds);
      const double moved = 4e-9 * static_cast<double>(w.value_count() + w.block_count() + 2 * m * n);
      const double by_row = moved / median(row_seconds);
      const double by_token = moved / median(token_seconds);
      fmt::print("| {} | {} | {:.1f} | {:.1f} | {:.2f} | {:.1f} | {:.2f} |\n", text, n, bandwidth, by_row,
                 by_row / bandwidth, by_token, by_token / bandwidth);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  return filigree::guarded_main([&] {
    Options options;
    CLI::App app("Sparse products with few columns beside the bandwidth of memory");
    app.add_option("--m", options.size, "rows and columns of W")->capture_default_str();
    app.add_option("--density", options.density, "share of the blocks that exist")->capture_default_str();
    app.add_option("--block", options.blocks, "block sizes")->delimiter(',')->capture_default_str();
    app.add_option("--n", options.samples, "columns or tokens")->delimiter(',')->capture_default_str();
    app.add_option("--rounds", options.rounds, "runs of each, of which the median counts")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    app.add_option("--threads", options.threads, "threads of both sides")->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    run(options);
    return 0;
  });
}
