// What a plan chose, in words.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>

#include "filigree/base/isa.h"
#include "filigree/base/parallel.h"
#include "filigree/sparse/converted.h"
#include "filigree/sparse/few_columns.h"
#include "filigree/sparse/kernels/kernels.h"
#include "filigree/sparse/plan.h"
#include "filigree/sparse/refinement.h"
#include "filigree/sparse/run_index.h"

namespace filigree::sparse {
namespace {

template <typename T>
std::string type_text() {
  if constexpr (std::is_same_v<T, BFloat16>) return "bfloat16, sums in float32";
  if constexpr (std::is_same_v<T, Float16>) return "float16, sums in float32";
  if constexpr (std::is_same_v<T, Float8E4M3>) return "float8-e4m3, sums in float32, results in bfloat16";
  if constexpr (std::is_same_v<T, Float8E5M2>) return "float8-e5m2, sums in float32, results in bfloat16";
  return std::is_same_v<T, float> ? "float32" : "float64";
}

std::string product_text(const PlanOptions& options) {
  const bool row_major = options.layout == ActivationLayout::kRowMajor;
  switch (options.product) {
    case Product::kForward: return row_major ? "y = w x" : "y = x w^T";
    case Product::kGradInput: return row_major ? "dx = w^T dy" : "dx = dy w";
    case Product::kGradWeight: break;
  }
  return row_major ? "dw = dy x^T at w's blocks" : "dw = dy^T x at w's blocks";
}

std::string bytes_text(double bytes) {
  constexpr double kKiB = 1024;
  return bytes < kKiB * kKiB ? fmt::format("{:.1f} KiB", bytes / kKiB)
                             : fmt::format("{:.1f} MiB", bytes / (kKiB * kKiB));
}

std::string seconds_text(double seconds) {
  return seconds < 1e-3 ? fmt::format("{:.3g} us", seconds * 1e6)
         : seconds < 1  ? fmt::format("{:.3g} ms", seconds * 1e3)
                        : fmt::format("{:.3g} s", seconds);
}

// "2 to 16 blocks (7.9 on average)".
std::string spread_text(std::span<const std::int32_t> offsets) {
  std::int32_t least = offsets[1];
  std::int32_t most = 0;
  for (std::size_t g = 0; g + 1 < offsets.size(); ++g) {
    least = std::min(least, offsets[g + 1] - offsets[g]);
    most = std::max(most, offsets[g + 1] - offsets[g]);
  }
  return fmt::format("{} to {} blocks ({:.1f} on average)", least, most,
                     static_cast<double>(offsets.back()) / static_cast<double>(offsets.size() - 1));
}

std::string count_text(std::int64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace

template <typename T>
std::string Plan<T>::explain(double peak) const {
  const BsrPattern& w = *w_;
  const bool row_major = options_.layout == ActivationLayout::kRowMajor;
  const auto ms = [&](double cost) { return seconds_text(cost / (peak * 1e9)); };
  std::string text =
      fmt::format("{}: {}, {} activations with {} {}; {}, {} thread(s)\n", product_text(options_),
                  type_text<T>(), row_major ? "row-major" : "token-major", options_.samples,
                  row_major ? "columns" : "tokens", isa_name(chosen_isa()), thread_count());
  text +=
      fmt::format("w: {} x {}, {} blocks of {} x {}, density {:.4g}; rows of blocks hold {}, columns {}\n",
                  w.rows(), w.columns(), w.block_count(), w.block().rows, w.block().columns, w.density(),
                  spread_text(w.row_offsets()), spread_text(w.column_offsets()));
  const bool dense = execution_ == Execution::kDense;
  text += fmt::format("runs {}; the cost model expects {} sparse, {} dense{}\n", dense ? "dense" : "sparse",
                      ms(cost_.sparse), ms(cost_.dense),
                      options_.dense_fallback ? "" : " (which is not allowed)");
  text += fmt::format(
      "bounds: {:.4g} GFLOP of non-zeros, {} at the peak of {:.1f} GFLOP/s a thread; {} of blocks and "
      "activations\n",
      cost_.flops * 1e-9, ms(cost_.flops / thread_count()), peak, bytes_text(cost_.bytes));
  if (dense) {
    text += fmt::format("OpenBLAS multiplies a dense copy of {}, made at each call\n",
                        bytes_text(static_cast<double>(w.rows() * w.columns()) * sizeof(T)));
    return text;
  }
  if constexpr (!kHasDenseFallback<T>) {
    const bool pairs = multiplies_pairs();
    if (!pairs || Float8<T>) {
      text += fmt::format("operands are converted to {} on the way, some samples at a time\n",
                          pairs ? "bfloat16" : "float32");
    }
  }
  if (few_columns()) {
    text += "few columns: weights are read once, in the order they lie in\n";
    if (thread_count() > 1) {
      text += fmt::format(
          "threads share {} of block rows with equally many blocks\n",
          count_text(dsd_parts(schedule_, options_.samples, w.block_rows(), thread_count()).group_parts,
                     "part"));
    }
    return text;
  }
  const bool grad_weight = options_.product == Product::kGradWeight;
  const bool token_kernels = grad_weight || !row_major;
  const bool cut =
      token_kernels && !(grad_weight ? kernels::has_sdd(w.block()) : kernels::has_dds(w.block()));
  const BlockShape block = cut ? w.refinement().pattern().block() : w.block();
  if (w.ragged()) text += "blocks reach behind w's edge: activations are copied with zeros behind theirs\n";
  if (token_kernels) {
    if (cut) {
      const BsrPattern& fine = w.refinement().pattern();
      text += fmt::format("blocks are cut into {} of {} x {}, which is how kernels take them\n",
                          fine.block_count(), fine.block().rows, fine.block().columns);
    }
  } else if (w.block() == 1 && !std::is_same_v<T, double>) {
    const RunIndex& runs = options_.product == Product::kForward ? w.row_runs() : w.column_runs();
    text += fmt::format(
        "elements in {} runs: {} parts of {} rows of the input, one after another in the caches\n",
        runs.runs().size(), runs.parts(), runs.part_size());
  }
  if (options_.product == Product::kGradWeight) {
    text +=
        fmt::format("{} tokens at a time; threads share ranges of block columns with equally many blocks\n",
                    std::min<std::int64_t>(kernels::sdd_chunk(block.rows), options_.samples));
    return text;
  }
  if (row_major) {
    text += schedule_.panel_columns > 0
                ? fmt::format("panels of at most {} columns are copied and multiplied at a time\n",
                              schedule_.panel_columns)
                : "panels are as wide as the registers allow\n";
  }
  if (thread_count() > 1) {
    const std::int64_t groups = options_.product == Product::kForward ? w.block_rows() : w.block_columns();
    const Schedule parts = row_major ? dsd_parts(schedule_, options_.samples, groups, thread_count())
                                     : dds_parts(schedule_, block, options_.samples, groups, thread_count());
    text += fmt::format("threads share {} of {}, {} of {} with equally many blocks\n",
                        count_text(parts.activation_parts, "part"), row_major ? "columns" : "tokens",
                        count_text(parts.group_parts, "part"), "block rows");
  }
  return text;
}

template std::string Plan<float>::explain(double) const;
template std::string Plan<double>::explain(double) const;
template std::string Plan<BFloat16>::explain(double) const;
template std::string Plan<Float16>::explain(double) const;
template std::string Plan<Float8E4M3>::explain(double) const;
template std::string Plan<Float8E5M2>::explain(double) const;

}  // namespace filigree::sparse
