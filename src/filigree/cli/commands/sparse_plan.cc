// filigree sparse plan: what a plan chooses for a product, in words; saves and loads plans.
#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/parallel.h"
#include "filigree/cli/commands/commands.h"
#include "filigree/cli/commands/sparse_options.h"
#include "filigree/dense/fma_peak.h"
#include "filigree/dense/gemm.h"
#include "filigree/run/options.h"
#include "filigree/sparse/pattern_kind.h"
#include "filigree/sparse/plan.h"

namespace filigree::cli {
namespace {

struct Settings {
  std::filesystem::path matrix;
  std::string m = "2048";
  std::string k = "same";
  std::string block = "16";
  std::string density = "1/16";
  std::string pattern = "uniform";
  std::uint64_t seed = 1;
  std::string dtype = "float32";
  std::string op = "forward";
  std::string layout = "row-major";
  std::string n = "512";
  bool fallback = true;
  bool measure = false;
  int threads = 0;
  std::filesystem::path save;
  std::filesystem::path load;
};

void describe(run::Options& options, Settings& s) {
  options.section("matrix", "The weights, w");
  options.add("matrix", &s.matrix, "a .mtx or .smtx file; else a pattern is drawn");
  options.add("m", &s.m, "rows: features out");
  options.add("k", &s.k, "columns: features in; same: as many as rows");
  options.add("block", &s.block, "side of the square blocks, or rows x columns of others")
      .choices(block_choices());
  options.add("density", &s.density, "share of the blocks that exist: 0.1 or 1/16");
  options.add("pattern", &s.pattern, "where the blocks are").choices(choices(sparse::kPatternKinds));
  options.add("seed", &s.seed, "of the pattern");
  options.section("product", "The product");
  options.add("dtype", &s.dtype, "storage of weights and activations")
      .choices({"float32", "float64", "float16", "bfloat16", "float8-e4m3", "float8-e5m2"});
  options.add("op", &s.op, "y = w x, or the gradient of x or of w").choices(choices(sparse::kProducts));
  options.add("layout", &s.layout, "activations: features in rows, or in columns")
      .choices(choices(sparse::kActivationLayouts));
  options.add("n", &s.n, "columns of the activations (samples, tokens)");
  options.add("fallback", &s.fallback,
              "run a dense product where it is expected to be faster (--no-fallback: never)");
  options.section("run", "This run");
  options.add("measure", &s.measure, "choose by timing in place of the cost model");
  options.add("threads", &s.threads, "0 means all cores").range(0, 4096);
  options.add("save", &s.save, "write the plan to this file");
  options.add("load", &s.load, "read a plan in place of making one");
}

sparse::BsrPattern pattern_of(const Settings& s) {
  const sparse::BlockShape block = sparse::parse_block_shape(s.block);
  if (s.matrix.empty()) {
    const std::int64_t m = matrix_size("m", s.m);
    const std::int64_t k = s.k == "same" ? m : matrix_size("k", s.k);
    Philox random(s.seed, Purpose::kPattern);
    return sparse::pattern_of_kind(named(sparse::kPatternKinds, s.pattern).kind, m, k, block,
                                   sparse::block_count_for_density(m, k, block, density_share(s.density)),
                                   random);
  }
  return pattern_of_file(s.matrix, block);
}

template <typename T>
void plan(const Settings& s) {
  const sparse::Plan<T> plan = [&] {
    if (!s.load.empty()) return sparse::Plan<T>::load(s.load);
    return sparse::Plan<T>(pattern_of(s), {.product = named(sparse::kProducts, s.op).product,
                                           .layout = named(sparse::kActivationLayouts, s.layout).layout,
                                           .samples = matrix_size("n", s.n),
                                           .dense_fallback = s.fallback,
                                           .measure = s.measure});
  }();
  fmt::print("{}", plan.explain(dense::fma_peak_gflops() / thread_count()));
  if (!s.save.empty()) plan.save(s.save);
}

}  // namespace

int sparse_plan(const std::vector<std::string>& arguments) {
  Settings settings;
  run::Options options("sparse plan", "Plan a block-sparse product, and say what was chosen and why.");
  describe(options, settings);
  if (!options.parse(arguments)) return 0;
  if (!settings.load.empty() && !settings.matrix.empty()) {
    fail_usage("--load reads a plan with its pattern: --matrix has no place beside it");
  }
  set_thread_count(settings.threads);
  dense::set_blas_threads();
  if (settings.dtype == "bfloat16") {
    plan<BFloat16>(settings);
  } else if (settings.dtype == "float64") {
    plan<double>(settings);
  } else if (settings.dtype == "float16") {
    plan<Float16>(settings);
  } else if (settings.dtype == "float8-e4m3") {
    plan<Float8E4M3>(settings);
  } else if (settings.dtype == "float8-e5m2") {
    plan<Float8E5M2>(settings);
  } else {
    plan<float>(settings);
  }
  return 0;
}

}  // namespace filigree::cli
