#include "filigree/sparse/products.h"

#include <algorithm>

#include "filigree/base/parallel.h"
#include "filigree/sparse/kernels/kernels.h"
#include "filigree/sparse/product_parts.h"

namespace filigree::sparse {
namespace {

// The values with each block transposed, in the order of `blocks`.
template <typename T>
const T* transposed_values(const BsrPattern& w, const GroupedBlocks& blocks, const T* values) {
  constexpr std::int64_t kBlocksPerTask = 64;
  const std::int64_t b = w.block();
  T* transposed = call_scratch<T>(w.value_count());
  parallel_chunks(w.block_count(), kBlocksPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t q = begin; q < end; ++q) {
      const T* from = values + blocks.position(q) * b * b;
      T* to = transposed + q * b * b;
      for (std::int64_t i = 0; i < b; ++i) {
        for (std::int64_t j = 0; j < b; ++j) to[j * b + i] = from[i * b + j];
      }
    }
  });
  return transposed;
}

// Fills in tokens, groups and scratch of `whole` (all tokens and groups) for each task, and runs it. Tasks
// are runs of tokens; where there are too few for all threads, also runs of groups.
template <typename T>
void run_dds(kernels::DdsTask<T> whole, int block) {
  const kernels::DdsKernel<T> kernel = kernels::dds_kernel<T>(block);
  const std::int64_t step = kernels::whole_tiles(block);
  const std::int64_t wanted = thread_count() == 1 ? 1 : 8 * thread_count();
  const std::int64_t steps = (whole.tokens + step - 1) / step;
  const std::int64_t chunk = step * std::max<std::int64_t>(1, steps / wanted);
  const std::int64_t token_parts = (whole.tokens + chunk - 1) / chunk;
  const std::int64_t groups = whole.last_group;
  const std::int64_t group_parts =
      token_parts >= 2 * thread_count() ? 1 : std::min<std::int64_t>(groups, thread_count());
  parallel_tasks(token_parts * group_parts, [&](std::int64_t index, int) {
    kernels::DdsTask<T> task = whole;
    const std::int64_t first = index / group_parts * chunk;
    const std::int64_t part = index % group_parts;
    task.tokens = std::min(chunk, whole.tokens - first);
    task.tokens_behind = whole.tokens - first - task.tokens;
    task.x += first * task.x_stride;
    task.y += first * task.y_stride;
    task.first_group = group_bound(task.blocks, groups, part, group_parts);
    task.last_group = group_bound(task.blocks, groups, part + 1, group_parts);
    task.scratch = kernel_scratch<T>(kernels::dds_scratch(block, task.x_columns));
    kernel(task);
  });
}

// Tokens are cut into ranges, each of which has a gradient of its own, added up in order at the end: each
// task then copies only its range. The ranges depend on nothing but the number of tokens, so the sums do too.
// Where there are fewer ranges than threads want, groups are shared out as well.
template <typename T>
void run_sdd(kernels::SddTask<T> whole, const BsrPattern& w) {
  constexpr std::int64_t kRangeTokens = 512;
  constexpr std::int64_t kMaxRanges = 8;
  constexpr std::int64_t kStep = 64;
  const kernels::SddKernel<T> kernel = kernels::sdd_kernel<T>(w.block());
  const std::int64_t wanted_ranges = std::clamp<std::int64_t>(whole.tokens / kRangeTokens, 1, kMaxRanges);
  const std::int64_t range = ((whole.tokens + wanted_ranges - 1) / wanted_ranges + kStep - 1) / kStep * kStep;
  const std::int64_t ranges = (whole.tokens + range - 1) / range;
  const std::int64_t groups = whole.last_group;
  const std::int64_t wanted_tasks = thread_count() == 1 ? 1 : 2 * thread_count();
  const std::int64_t parts = std::min(groups, (wanted_tasks + ranges - 1) / ranges);
  const std::int64_t values = w.value_count();
  T* partial = ranges > 1 ? call_scratch<T>((ranges - 1) * values) : nullptr;
  parallel_tasks(ranges * parts, [&](std::int64_t index, int) {
    kernels::SddTask<T> task = whole;
    const std::int64_t r = index / parts;
    const std::int64_t part = index % parts;
    const std::int64_t first = r * range;
    task.tokens = std::min(range, whole.tokens - first);
    task.dy += first * task.dy_stride;
    task.x += first * task.x_stride;
    task.first_group = group_bound(task.blocks, groups, part, parts);
    task.last_group = group_bound(task.blocks, groups, part + 1, parts);
    if (r > 0) {
      task.gradient = partial + (r - 1) * values;
      task.accumulate = false;
    }
    const std::int64_t copied_columns = task.by_columns ? task.dy_columns : task.x_columns;
    task.scratch = kernel_scratch<T>(kernels::sdd_scratch(copied_columns));
    kernel(task);
  });
  constexpr std::int64_t kValuesPerTask = 1 << 13;
  if (ranges == 1) return;
  parallel_chunks(values, kValuesPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = 0; r < ranges - 1; ++r) {
      const T* more = partial + r * values;
      for (std::int64_t i = begin; i < end; ++i) whole.gradient[i] += more[i];
    }
  });
}

}  // namespace

template <typename T>
void dds_transposed(ConstView<T> x, const BsrPattern& w, ConstPointer<T> values, ConstPointer<T> bias,
                    MatrixView<T> y, bool accumulate) {
  check_view("dds_transposed", "x", x, y.rows, w.columns());
  check_view("dds_transposed", "y", y, y.rows, w.rows());
  if (y.rows == 0) return;
  const GroupedBlocks blocks = blocks_by_row(w);
  const bool transpose = kernels::value_order(w.block()) == kernels::ValueOrder::kByInput;
  run_dds<T>({.x = x.data,
              .x_stride = x.stride,
              .x_columns = x.columns,
              .y = y.data,
              .y_stride = y.stride,
              .tokens = y.rows,
              .tokens_behind = 0,
              .blocks = blocks,
              .first_group = 0,
              .last_group = w.block_rows(),
              .values = transpose ? transposed_values<T>(w, blocks, values) : values,
              .bias = bias,
              .accumulate = accumulate,
              .scratch = nullptr},
             w.block());
}

template <typename T>
void dds(ConstView<T> dy, const BsrPattern& w, ConstPointer<T> values, MatrixView<T> dx, bool accumulate) {
  check_view("dds", "dy", dy, dx.rows, w.rows());
  check_view("dds", "dx", dx, dx.rows, w.columns());
  if (dx.rows == 0) return;
  GroupedBlocks blocks = blocks_by_column(w);
  if (kernels::value_order(w.block()) == kernels::ValueOrder::kByOutput) {
    values = transposed_values<T>(w, blocks, values);
    blocks.positions = nullptr;
  }
  run_dds<T>({.x = dy.data,
              .x_stride = dy.stride,
              .x_columns = dy.columns,
              .y = dx.data,
              .y_stride = dx.stride,
              .tokens = dx.rows,
              .tokens_behind = 0,
              .blocks = blocks,
              .first_group = 0,
              .last_group = w.block_columns(),
              .values = values,
              .bias = nullptr,
              .accumulate = accumulate,
              .scratch = nullptr},
             w.block());
}

template <typename T>
void sdd(ConstView<T> dy, ConstView<T> x, const BsrPattern& w, T* gradient, bool accumulate) {
  check_view("sdd", "dy", dy, x.rows, w.rows());
  check_view("sdd", "x", x, x.rows, w.columns());
  if (x.rows == 0) {
    if (!accumulate) std::fill_n(gradient, w.value_count(), T{0});
    return;
  }
  // The smaller side is the one that kernels copy whole.
  const bool by_columns = w.rows() < w.columns();
  run_sdd<T>({.dy = dy.data,
              .dy_stride = dy.stride,
              .dy_columns = dy.columns,
              .x = x.data,
              .x_stride = x.stride,
              .x_columns = x.columns,
              .tokens = x.rows,
              .blocks = by_columns ? blocks_by_column(w) : blocks_by_row(w),
              .by_columns = by_columns,
              .first_group = 0,
              .last_group = by_columns ? w.block_columns() : w.block_rows(),
              .gradient = gradient,
              .accumulate = accumulate,
              .scratch = nullptr},
             w);
}

template void dds_transposed<float>(ConstView<float>, const BsrPattern&, const float*, const float*,
                                    MatrixView<float>, bool);
template void dds_transposed<double>(ConstView<double>, const BsrPattern&, const double*, const double*,
                                     MatrixView<double>, bool);
template void dds<float>(ConstView<float>, const BsrPattern&, const float*, MatrixView<float>, bool);
template void dds<double>(ConstView<double>, const BsrPattern&, const double*, MatrixView<double>, bool);
template void sdd<float>(ConstView<float>, ConstView<float>, const BsrPattern&, float*, bool);
template void sdd<double>(ConstView<double>, ConstView<double>, const BsrPattern&, double*, bool);

}  // namespace filigree::sparse
