// filigree sparse bench: block-sparse products beside the best dense product of the same shape. (Files that
// end in _bench.cc are micro-benchmarks: hence this name.)
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/interrupt.h"
#include "filigree/base/isa.h"
#include "filigree/base/names.h"
#include "filigree/base/parallel.h"
#include "filigree/base/progress.h"
#include "filigree/cli/commands/commands.h"
#include "filigree/cli/commands/sparse_options.h"
#include "filigree/dense/fma_peak.h"
#include "filigree/dense/gemm.h"
#include "filigree/run/options.h"
#include "filigree/sparse/benchmark.h"

namespace filigree::cli {
namespace {

using sparse::BenchmarkCell;
using sparse::BenchmarkResult;
using sparse::BsrPattern;

// Options as the command line knows them; lists give a grid.
struct Settings {
  std::filesystem::path matrix;
  std::vector<std::string> m{"2048"};
  std::vector<std::string> k{"same"};
  std::vector<std::string> n{"64", "512"};
  std::vector<std::string> block{"16"};
  std::vector<std::string> density{"1/4", "1/16"};
  std::vector<std::string> op{"forward"};
  std::vector<std::string> dtype{"float32"};
  std::vector<std::string> layout{"row-major"};
  std::vector<std::string> pattern{"uniform"};
  std::vector<std::string> mode{"static"};
  bool fallback = true;
  bool measure = false;
  int pairs = sparse::BenchmarkTiming().pairs;
  bool cold = false;
  int threads = 0;
  std::uint64_t seed = 1;
  bool json = false;
};

void describe(run::Options& options, Settings& settings) {
  options.section("shape", "Shapes (each list adds a dimension to the grid)");
  options.add("matrix", &settings.matrix,
              "a .mtx or .smtx file: its pattern at each block, in place of m, k, density and pattern");
  options.add("m", &settings.m, "rows of the weights: features out");
  options.add("k", &settings.k, "columns of the weights: features in; same: as many as rows");
  options.add("n", &settings.n, "columns of the activations (samples, tokens)");
  options.add("block", &settings.block, "side of the square blocks, or rows x columns of others")
      .choices(block_choices());
  options.add("density", &settings.density, "share of the blocks that exist: 0.1 or 1/16");
  options.add("op", &settings.op, "product: y = w x, or the gradient of x or of w")
      .choices(choices(sparse::kProducts));
  options.add("dtype", &settings.dtype, "storage of weights and activations")
      .choices(choices(sparse::kBenchmarkTypes));
  options.add("layout", &settings.layout, "activations: features in rows, or in columns")
      .choices(choices(sparse::kActivationLayouts));
  options.add("pattern", &settings.pattern, "where the blocks are").choices(choices(sparse::kPatternKinds));
  options
      .add("mode", &settings.mode,
           "a pattern known beforehand, one that is encoded into room set aside, or the dense product alone")
      .choices(choices(sparse::kBenchmarkModes));
  options.add("fallback", &settings.fallback,
              "run a dense product where the plan expects it to be faster (--no-fallback: never)");
  options.add("measure", &settings.measure, "plan by timing in place of the cost model");
  options.section("run", "This run");
  options.add("pairs", &settings.pairs, "interleaved timings of each product").range(1, 100000);
  options.add("cold", &settings.cold,
              fmt::format("run each product once in its turn, with what the others left in the caches "
                          "(--no-cold: for {:g} ms at least)",
                          1e3 * sparse::BenchmarkTiming().turn_seconds));
  options.add("threads", &settings.threads, "of both sides; 0 means all cores").range(0, 4096);
  options.add("seed", &settings.seed, "of patterns and values");
  options.add("json", &settings.json, "print a line of JSON for each cell").transient();
}

// What a matrix says itself.
void refuse_beside_matrix(const run::Options& options) {
  for (const char* name : {"m", "k", "density", "pattern"}) {
    if (options.given(name)) {
      fail_usage("--matrix gives shape, density and pattern of the weights: leave out --{}", name);
    }
  }
}

// The side of a square, or "rows x columns".
nlohmann::json block_json(sparse::BlockShape block) {
  return block.square() ? nlohmann::json(block.rows) : nlohmann::json(block.text());
}

// The last list is the innermost dimension. `of_file`: a file's pattern at each block, which cells refer to.
std::vector<BenchmarkCell> grid(const Settings& s, std::map<std::string, BsrPattern>& of_file) {
  std::vector<BenchmarkCell> cells{{}};
  const auto each = [&](const std::vector<std::string>& texts, const auto& set) {
    std::vector<BenchmarkCell> more;
    for (const BenchmarkCell& cell : cells) {
      for (const std::string& text : texts) set(more.emplace_back(cell), text);
    }
    cells = std::move(more);
  };
  using Text = const std::string&;
  each(s.dtype,
       [](BenchmarkCell& cell, Text text) { cell.type = named(sparse::kBenchmarkTypes, text).type; });
  each(s.layout,
       [](BenchmarkCell& cell, Text text) { cell.layout = named(sparse::kActivationLayouts, text).layout; });
  each(s.pattern,
       [](BenchmarkCell& cell, Text text) { cell.pattern = named(sparse::kPatternKinds, text).kind; });
  each(s.mode, [](BenchmarkCell& cell, Text text) { cell.mode = named(sparse::kBenchmarkModes, text).mode; });
  each(s.op, [](BenchmarkCell& cell, Text text) { cell.op = named(sparse::kProducts, text).product; });
  each(s.block, [](BenchmarkCell& cell, Text text) { cell.block = sparse::parse_block_shape(text); });
  if (s.matrix.empty()) {
    each(s.density, [](BenchmarkCell& cell, Text text) { cell.density = density_share(text); });
    each(s.m, [](BenchmarkCell& cell, Text text) { cell.m = matrix_size("m", text); });
    each(s.k,
         [](BenchmarkCell& cell, Text text) { cell.k = text == "same" ? cell.m : matrix_size("k", text); });
  } else {
    for (BenchmarkCell& cell : cells) {
      const std::string block = cell.block.text();
      if (!of_file.contains(block)) of_file.emplace(block, pattern_of_file(s.matrix, cell.block));
      const BsrPattern& pattern = of_file.at(block);
      if (pattern.block_count() == 0) {
        fail_data("{} holds no element; benchmark a matrix that has some", s.matrix.string());
      }
      cell.matrix = &pattern;
      cell.m = pattern.rows();
      cell.k = pattern.columns();
      cell.density = pattern.density();
    }
  }
  each(s.n, [](BenchmarkCell& cell, Text text) { cell.n = matrix_size("n", text); });
  for (BenchmarkCell& cell : cells) {
    cell.dense_fallback = s.fallback;
    cell.measure = s.measure;
    sparse::check_cell(cell);
  }
  return cells;
}

// What a table has in its heading, in place of a column.
bool same_table(const BenchmarkCell& a, const BenchmarkCell& b) {
  return a.type == b.type && a.layout == b.layout && a.pattern == b.pattern && a.mode == b.mode;
}

std::string type_name(const BenchmarkCell& cell) {
  return name_of(sparse::kBenchmarkTypes, cell.type, &sparse::BenchmarkTypeName::type);
}
std::string layout_name(const BenchmarkCell& cell) {
  return name_of(sparse::kActivationLayouts, cell.layout, &sparse::ActivationLayoutName::layout);
}
// A file's name is that of its pattern.
std::string pattern_name(const BenchmarkCell& cell, const Settings& settings) {
  return cell.matrix != nullptr
             ? settings.matrix.filename().string()
             : name_of(sparse::kPatternKinds, cell.pattern, &sparse::PatternKindName::kind);
}
std::string mode_name(const BenchmarkCell& cell) {
  return name_of(sparse::kBenchmarkModes, cell.mode, &sparse::BenchmarkModeName::mode);
}
std::string executed(const BenchmarkResult& result) {
  return result.execution == sparse::Execution::kDense ? "dense" : "sparse";
}

std::string_view caches(const Settings& settings) { return settings.cold ? "cold" : "warm"; }

void print_json(const BenchmarkCell& cell, const Settings& settings, const BenchmarkResult& result,
                double peak) {
  const nlohmann::ordered_json line = {
      {"op", name_of(sparse::kProducts, cell.op, &sparse::ProductName::product)},
      {"layout", layout_name(cell)},
      {"pattern", pattern_name(cell, settings)},
      {"mode", mode_name(cell)},
      {"executed", executed(result)},
      {"dtype", type_name(cell)},
      {"m", cell.m},
      {"k", cell.k},
      {"n", cell.n},
      {"block", block_json(cell.block)},
      {"density", result.density},
      {"threads", thread_count()},
      {"caches", caches(settings)},
      {"seconds", result.seconds},
      {"plan_seconds", result.plan_seconds},
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

void print_heading(const BenchmarkCell& cell, const Settings& settings) {
  fmt::print(
      "\n{} activations, {} pattern, {}, {}\n\n| product | block | density | m | k | n | dense GFLOP/s | "
      "library | "
      "non-zero GFLOP/s | ran | ratio | times faster |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n",
      layout_name(cell), pattern_name(cell, settings), type_name(cell), mode_name(cell));
}

void print_row(const BenchmarkCell& cell, const BenchmarkResult& result) {
  fmt::print("| {} | {} | {:.4g} | {} | {} | {} | {:.1f} | {} | {:.1f} | {} | {:.2f} | {:.2f} |\n",
             name_of(sparse::kProducts, cell.op, &sparse::ProductName::product), cell.block.text(),
             result.density, cell.m, cell.k, cell.n, result.dense_rate, result.dense_library,
             result.nonzero_rate, executed(result), result.ratio, result.speedup);
}

}  // namespace

int sparse_bench(const std::vector<std::string>& arguments) {
  Settings settings;
  run::Options options("sparse bench",
                       "Time block-sparse products beside the best dense product of the same shape.");
  describe(options, settings);
  if (!options.parse(arguments)) return 0;
  if (!settings.matrix.empty()) refuse_beside_matrix(options);
  std::map<std::string, BsrPattern> of_file;
  const std::vector<BenchmarkCell> cells = grid(settings, of_file);
  set_thread_count(settings.threads);
  dense::set_blas_threads();
  watch_for_interrupt();
  const std::vector<dense::DenseLibrary> libraries = dense::dense_libraries();
  const double peak = dense::fma_peak_gflops();
  sparse::BenchmarkTiming timing{.pairs = settings.pairs};
  if (settings.cold) timing.turn_seconds = 0;
  if (!settings.json) {
    std::string names;
    for (const auto& library : libraries) names += (names.empty() ? "" : ", ") + library.name;
    fmt::print(
        "{}, {}, {} thread(s), FMA peak {:.1f} GFLOP/s; dense: the best of {}; medians of {} interleaved "
        "pairs, {} caches\n",
        cpu_name(), isa_name(chosen_isa()), thread_count(), peak, names, settings.pairs, caches(settings));
  }
  Progress progress("benchmark", cells.size(), "cells");
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (interrupted()) {
      throw Error(fmt::format("stopped after {} of {} cells", i, cells.size()), ExitCode::kInterrupted);
    }
    const BenchmarkResult result = sparse::measure(cells[i], libraries, timing, settings.seed);
    progress.finish();
    if (settings.json) {
      print_json(cells[i], settings, result, peak);
    } else {
      if (i == 0 || !same_table(cells[i - 1], cells[i])) print_heading(cells[i], settings);
      print_row(cells[i], result);
    }
    std::fflush(stdout);
    progress.update(i + 1);
  }
  return 0;
}

}  // namespace filigree::cli
