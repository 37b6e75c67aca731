// filigree sparse bench: block-sparse products beside the best dense product of the same shape. (Files that
// end in _bench.cc are micro-benchmarks: hence this name.)
#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/interrupt.h"
#include "filigree/base/isa.h"
#include "filigree/base/parallel.h"
#include "filigree/base/progress.h"
#include "filigree/cli/commands/commands.h"
#include "filigree/dense/fma_peak.h"
#include "filigree/dense/gemm.h"
#include "filigree/run/options.h"
#include "filigree/sparse/benchmark.h"

namespace filigree::cli {
namespace {

using sparse::BenchmarkCell;
using sparse::BenchmarkResult;

// Options as the command line knows them; lists give a grid.
struct Settings {
  std::vector<std::string> m{"2048"};
  std::vector<std::string> k{"same"};
  std::vector<std::string> n{"64", "512"};
  std::vector<std::string> block{"16"};
  std::vector<std::string> density{"1/4", "1/16"};
  std::vector<std::string> op{"forward"};
  std::string dtype = "float32";
  std::string layout = "row-major";
  std::string pattern = "uniform";
  int pairs = 15;
  int threads = 0;
  std::uint64_t seed = 1;
  bool json = false;
};

template <typename Names>
std::vector<std::string> choices(const Names& names) {
  std::vector<std::string> result;
  for (const auto& entry : names) result.emplace_back(entry.name);
  return result;
}

std::vector<std::string> block_choices() {
  std::vector<std::string> result;
  for (const int block : sparse::kBlockSizes) result.push_back(std::to_string(block));
  return result;
}

void describe(run::Options& options, Settings& settings) {
  options.section("shape", "Shapes (each list adds a dimension to the grid)");
  options.add("m", &settings.m, "rows of the weights: features out");
  options.add("k", &settings.k, "columns of the weights: features in; same: as many as rows");
  options.add("n", &settings.n, "columns of the activations (samples, tokens)");
  options.add("block", &settings.block, "side of the square blocks").choices(block_choices());
  options.add("density", &settings.density, "share of the blocks that exist: 0.1 or 1/16");
  options.add("op", &settings.op, "product: y = w x, or the gradient of x or of w")
      .choices(choices(sparse::kBenchmarkOps));
  options.add("dtype", &settings.dtype, "storage of weights and activations")
      .choices(choices(sparse::kBenchmarkTypes));
  options.add("layout", &settings.layout, "activations: features in rows, or in columns")
      .choices(choices(sparse::kActivationLayouts));
  options.add("pattern", &settings.pattern, "where the blocks are").choices(choices(sparse::kPatternKinds));
  options.section("run", "This run");
  options.add("pairs", &settings.pairs, "interleaved timings of each product").range(1, 100000);
  options.add("threads", &settings.threads, "of both sides; 0 means all cores").range(0, 4096);
  options.add("seed", &settings.seed, "of patterns and values");
  options.add("json", &settings.json, "print a line of JSON for each cell").transient();
}

template <typename T>
T number(const std::string& option, const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    fail_usage("--{} {} is not a number", option, text);
  }
  return value;
}

std::int64_t size(const std::string& option, const std::string& text) {
  constexpr std::int64_t kMost = 1 << 24;
  const auto value = number<std::int64_t>(option, text);
  if (value < 1 || value > kMost) fail_usage("--{} {} is not a size from 1 to {}", option, text, kMost);
  return value;
}

// "0.1" or "1/16".
double share(const std::string& text) {
  const auto slash = text.find('/');
  const double part = number<double>("density", text.substr(0, slash));
  const double whole = slash == std::string::npos ? 1 : number<double>("density", text.substr(slash + 1));
  const double value = part / whole;
  if (!(part > 0 && whole > 0 && value <= 1)) fail_usage("--density {} is not in (0, 1]", text);
  return value;
}

template <typename Names>
auto named(const Names& names, const std::string& name) {
  for (const auto& entry : names) {
    if (entry.name == name) return entry;
  }
  fail_usage("there is no '{}'", name);
}

std::vector<BenchmarkCell> grid(const Settings& s) {
  std::vector<BenchmarkCell> cells;
  for (const std::string& op : s.op) {
    for (const std::string& block : s.block) {
      for (const std::string& density : s.density) {
        for (const std::string& m : s.m) {
          for (const std::string& k : s.k) {
            for (const std::string& n : s.n) {
              BenchmarkCell cell;
              cell.m = size("m", m);
              cell.k = k == "same" ? cell.m : size("k", k);
              cell.n = size("n", n);
              cell.block = number<int>("block", block);
              cell.density = share(density);
              cell.op = named(sparse::kBenchmarkOps, op).op;
              cell.layout = named(sparse::kActivationLayouts, s.layout).layout;
              cell.pattern = named(sparse::kPatternKinds, s.pattern).kind;
              cell.type = named(sparse::kBenchmarkTypes, s.dtype).type;
              sparse::check_cell(cell);
              cells.push_back(cell);
            }
          }
        }
      }
    }
  }
  return cells;
}

template <typename Names, typename Value, typename Member>
std::string name_of(const Names& names, Value value, Member member) {
  for (const auto& entry : names) {
    if (entry.*member == value) return std::string(entry.name);
  }
  return {};
}

void print_json(const BenchmarkCell& cell, const BenchmarkResult& result, const Settings& settings,
                double peak) {
  const nlohmann::ordered_json line = {
      {"op", name_of(sparse::kBenchmarkOps, cell.op, &sparse::BenchmarkOpName::op)},
      {"layout", settings.layout},
      {"pattern", settings.pattern},
      {"mode", "static"},
      {"executed", "sparse"},
      {"dtype", settings.dtype},
      {"m", cell.m},
      {"k", cell.k},
      {"n", cell.n},
      {"block", cell.block},
      {"density", result.density},
      {"threads", thread_count()},
      {"seconds", result.seconds},
      {"plan_seconds", result.pattern_seconds},
      {"gflops_nonzero", result.nonzero_rate},
      {"gflops_effective", result.nonzero_rate / result.density},
      {"gflops_dense", result.dense_rate},
      {"dense_library", result.dense_library},
      {"ratio", result.ratio},
      {"speedup", result.speedup},
      {"gflops_peak", peak},
      {"isa", isa_name(chosen_isa())}};
  fmt::print("{}\n", line.dump());
}

void print_row(const BenchmarkCell& cell, const BenchmarkResult& result) {
  fmt::print("| {} | {} | {:.4g} | {} | {} | {} | {:.1f} | {} | {:.1f} | {:.2f} | {:.2f} |\n",
             name_of(sparse::kBenchmarkOps, cell.op, &sparse::BenchmarkOpName::op), cell.block,
             result.density, cell.m, cell.k, cell.n, result.dense_rate, result.dense_library,
             result.nonzero_rate, result.ratio, result.speedup);
}

}  // namespace

int sparse_bench(const std::vector<std::string>& arguments) {
  Settings settings;
  run::Options options("sparse bench",
                       "Time block-sparse products beside the best dense product of the same shape.");
  describe(options, settings);
  if (!options.parse(arguments)) return 0;
  const std::vector<BenchmarkCell> cells = grid(settings);
  set_thread_count(settings.threads);
  dense::set_blas_threads();
  watch_for_interrupt();
  const std::vector<dense::DenseLibrary> libraries = dense::dense_libraries();
  const double peak = dense::fma_peak_gflops();
  if (!settings.json) {
    std::string names;
    for (const auto& library : libraries) names += (names.empty() ? "" : ", ") + library.name;
    fmt::print(
        "{}, {}, {} thread(s), FMA peak {:.1f} GFLOP/s; dense: the best of {}; {} activations, {} pattern, "
        "{}, medians of {} interleaved pairs\n\n",
        cpu_name(), isa_name(chosen_isa()), thread_count(), peak, names, settings.layout, settings.pattern,
        settings.dtype, settings.pairs);
    fmt::print(
        "| product | block | density | m | k | n | dense GFLOP/s | library | non-zero GFLOP/s | ratio | "
        "times faster |\n|---|---|---|---|---|---|---|---|---|---|---|\n");
  }
  Progress progress("benchmark", cells.size(), "cells");
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (interrupted()) {
      throw Error(fmt::format("stopped after {} of {} cells", i, cells.size()), ExitCode::kInterrupted);
    }
    const BenchmarkResult result = sparse::measure(cells[i], libraries, settings.pairs, settings.seed);
    progress.finish();
    settings.json ? print_json(cells[i], result, settings, peak) : print_row(cells[i], result);
    std::fflush(stdout);
    progress.update(i + 1);
  }
  return 0;
}

}  // namespace filigree::cli
