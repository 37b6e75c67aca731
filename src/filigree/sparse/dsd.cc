#include "filigree/sparse/dsd.h"

#include <type_traits>

#include "filigree/base/parallel.h"
#include "filigree/sparse/converted.h"
#include "filigree/sparse/few_columns.h"
#include "filigree/sparse/padding.h"
#include "filigree/sparse/product_parts.h"
#include "filigree/sparse/run_index.h"

namespace filigree::sparse {
namespace {

// Single values by position, in memory that lives until the next call.
template <typename T>
const T* in_order(const BsrPattern& w, const T* values, std::span<const std::int32_t> positions) {
  constexpr std::int64_t kValuesPerTask = 1 << 14;
  const auto count = static_cast<std::int64_t>(positions.size());
  T* const copy = scratch<Scratch::kCall, T>(w.value_capacity());
  parallel_chunks(count, kValuesPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) copy[i] = values[positions[static_cast<std::size_t>(i)]];
  });
  return copy;
}

// Fills in columns, groups, runs and scratch of `whole` for each task, and runs it. Parts of the groups are
// balanced by blocks.
template <typename T>
void run_dsd(kernels::DsdTask<T> whole, const BsrPattern& w, const Schedule& schedule) {
  // Plain loops, which serve double, take blocks in their own order.
  if (w.block() == 1 && std::is_same_v<T, float>) {
    const RunIndex& index = whole.transposed ? w.column_runs() : w.row_runs();
    whole.runs = {index.runs().data(), index.section_offsets().data(), index.part_size()};
    whole.run_others = index.others().data();
    const std::span<const std::int32_t> positions = index.positions();
    whole.run_values = positions.empty() ? whole.values : in_order<T>(w, whole.values, positions);
  }
  const std::int64_t groups = whole.last_group;
  const Schedule parts = dsd_parts(schedule, whole.columns, groups, thread_count());
  const BlockShape block = whole.transposed ? w.block().transposed() : w.block();
  const std::int64_t steps = (whole.columns + kernels::kColumnStep - 1) / kernels::kColumnStep;
  whole.panel_columns = schedule.panel_columns > 0 ? std::min(schedule.panel_columns, kernels::kPanelColumns)
                                                   : kernels::kPanelColumns;
  parallel_tasks(parts.activation_parts * parts.group_parts, [&](std::int64_t index, int) {
    kernels::DsdTask<T> task = whole;
    const std::int64_t part = index / parts.group_parts;
    const std::int64_t group_part = index % parts.group_parts;
    const std::int64_t first = steps * part / parts.activation_parts * kernels::kColumnStep;
    const std::int64_t last =
        std::min(whole.columns, steps * (part + 1) / parts.activation_parts * kernels::kColumnStep);
    task.x += first;
    task.y += first;
    task.columns = last - first;
    task.first_group = group_bound(task.blocks, groups, group_part, parts.group_parts);
    task.last_group = group_bound(task.blocks, groups, group_part + 1, parts.group_parts);
    if (task.first_group == task.last_group) return;
    task.scratch = scratch<Scratch::kKernel, T>(kernels::dsd_scratch(block, task.x_rows, task.columns));
    kernels::dsd_kernel<T>(block, task.columns)(task);
  });
}

// All columns and groups; what run_dsd fills in is empty.
template <typename T>
kernels::DsdTask<T> dsd_task(const GroupedBlocks& blocks, std::int64_t groups, const T* values,
                             MatrixView<const T> x, const T* bias, MatrixView<T> y, bool accumulate) {
  return {.x = x.data,
          .x_stride = x.stride,
          .x_rows = x.rows,
          .y = y.data,
          .y_stride = y.stride,
          .columns = y.columns,
          .panel_columns = 0,
          .blocks = blocks,
          .first_group = 0,
          .last_group = groups,
          .values = values,
          .transposed = false,
          .bias = bias,
          .accumulate = accumulate,
          .scratch = nullptr,
          .activation = nullptr,
          .runs = {},
          .run_others = nullptr,
          .run_values = nullptr};
}

// The values with the rows of each block in pairs, column by column: the transposed product multiplies two
// rows at a time.
const BFloat16* zipped_rows(const BsrPattern& w, const BFloat16* values) {
  constexpr std::int64_t kRowsPerTask = 1 << 10;
  const std::int64_t b = w.block().rows;
  auto* const zipped = scratch<Scratch::kCall, BFloat16>(w.value_capacity());
  parallel_chunks(w.block_count() * b / 2, kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t pair = begin; pair < end; ++pair) {
      const BFloat16* from = values + pair * 2 * b;
      BFloat16* to = zipped + pair * 2 * b;
      for (std::int64_t i = 0; i < b; ++i) {
        to[2 * i] = from[i];
        to[2 * i + 1] = from[b + i];
      }
    }
  });
  return zipped;
}

template <typename T>
void dsd_by_kernel(const BsrPattern& w, const T* values, ConstView<T> x, const T* bias, MatrixView<T> y,
                   bool accumulate, dense::Activation activation, const Schedule& schedule) {
  if (w.ragged()) {
    const BsrPattern& padded = w.padded();
    const PaddedInput<T> whole_x(x, padded.columns(), y.columns);
    const PaddedBias<T> whole_bias(bias, w.rows(), padded.rows());
    const PaddedOutput<T> whole_y(y, padded.rows(), y.columns, accumulate);
    dsd<T>(padded, values, whole_x.view(), whole_bias.data(), whole_y.view(), accumulate, activation,
           schedule);
    whole_y.finish();
    return;
  }
  if constexpr (std::is_same_v<T, float>) {
    if (has_few_columns_kernel(w.block(), y.columns)) {
      multiply_few_columns(ActivationLayout::kRowMajor, w, values, x, bias, y, accumulate, activation,
                           schedule);
      return;
    }
  }
  kernels::DsdTask<T> task = dsd_task<T>(blocks_by_row(w), w.block_rows(), values, x, bias, y, accumulate);
  task.activation = dense::activation_kernel<kernels::SumOf<T>>(activation);
  run_dsd<T>(task, w, schedule);
}

template <typename T>
void dsd_transposed_by_kernel(const BsrPattern& w, const T* values, ConstView<T> dy, MatrixView<T> dx,
                              bool accumulate, const Schedule& schedule) {
  if (w.ragged()) {
    const BsrPattern& padded = w.padded();
    const PaddedInput<T> whole_dy(dy, padded.rows(), dx.columns);
    const PaddedOutput<T> whole_dx(dx, padded.columns(), dx.columns, accumulate);
    dsd_transposed<T>(padded, values, whole_dy.view(), whole_dx.view(), accumulate, schedule);
    whole_dx.finish();
    return;
  }
  if constexpr (std::is_same_v<T, BFloat16>) values = zipped_rows(w, values);
  kernels::DsdTask<T> task =
      dsd_task<T>(blocks_by_column(w), w.block_columns(), values, dy, nullptr, dx, accumulate);
  task.transposed = true;
  run_dsd<T>(task, w, schedule);
}

// Whether kernels take T as it is stored.
template <typename T>
bool has_kernel(const BsrPattern& w) {
  return !std::is_same_v<T, BFloat16> || has_pair_kernel(w);
}

}  // namespace

template <typename T>
void dsd(const BsrPattern& w, ConstPointer<T> values, ConstView<T> x, ConstPointer<T> bias, MatrixView<T> y,
         bool accumulate, dense::Activation activation, const Schedule& schedule) {
  check_view("dsd", "x", x, w.columns(), y.columns);
  check_view("dsd", "y", y, w.rows(), y.columns);
  if (y.columns == 0) return;
  if constexpr (!std::is_same_v<T, Float16>) {
    if (has_kernel<T>(w)) {
      dsd_by_kernel<T>(w, values, x, bias, y, accumulate, activation, schedule);
      return;
    }
  }
  if constexpr (Half<T>) {
    multiply_converted<float>(
        ActivationLayout::kRowMajor, w, values, x, bias, y, accumulate,
        [&](const float* numbers, ConstView<float> x_part, const float* biases, MatrixView<float> y_part) {
          dsd<float>(w, numbers, x_part, biases, y_part, accumulate, activation, schedule);
        });
  }
}

template <typename T>
void dsd_transposed(const BsrPattern& w, ConstPointer<T> values, ConstView<T> dy, MatrixView<T> dx,
                    bool accumulate, const Schedule& schedule) {
  check_view("dsd_transposed", "dy", dy, w.rows(), dx.columns);
  check_view("dsd_transposed", "dx", dx, w.columns(), dx.columns);
  if (dx.columns == 0) return;
  if constexpr (!std::is_same_v<T, Float16>) {
    if (has_kernel<T>(w)) {
      dsd_transposed_by_kernel<T>(w, values, dy, dx, accumulate, schedule);
      return;
    }
  }
  if constexpr (Half<T>) {
    const T* const bias = nullptr;
    multiply_converted<float>(
        ActivationLayout::kRowMajor, w, values, dy, bias, dx, accumulate,
        [&](const float* numbers, ConstView<float> dy_part, const float*, MatrixView<float> dx_part) {
          dsd_transposed<float>(w, numbers, dy_part, dx_part, accumulate, schedule);
        });
  }
}

template void dsd<float>(const BsrPattern&, const float*, ConstView<float>, const float*, MatrixView<float>,
                         bool, dense::Activation, const Schedule&);
template void dsd<double>(const BsrPattern&, const double*, ConstView<double>, const double*,
                          MatrixView<double>, bool, dense::Activation, const Schedule&);
template void dsd<BFloat16>(const BsrPattern&, const BFloat16*, ConstView<BFloat16>, const BFloat16*,
                            MatrixView<BFloat16>, bool, dense::Activation, const Schedule&);
template void dsd<Float16>(const BsrPattern&, const Float16*, ConstView<Float16>, const Float16*,
                           MatrixView<Float16>, bool, dense::Activation, const Schedule&);
template void dsd_transposed<float>(const BsrPattern&, const float*, ConstView<float>, MatrixView<float>,
                                    bool, const Schedule&);
template void dsd_transposed<double>(const BsrPattern&, const double*, ConstView<double>, MatrixView<double>,
                                     bool, const Schedule&);
template void dsd_transposed<BFloat16>(const BsrPattern&, const BFloat16*, ConstView<BFloat16>,
                                       MatrixView<BFloat16>, bool, const Schedule&);
template void dsd_transposed<Float16>(const BsrPattern&, const Float16*, ConstView<Float16>,
                                      MatrixView<Float16>, bool, const Schedule&);

}  // namespace filigree::sparse
