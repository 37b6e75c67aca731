#include "filigree/sparse/products.h"

#include <algorithm>

#include "filigree/base/parallel.h"
#include "filigree/sparse/converted.h"
#include "filigree/sparse/few_columns.h"
#include "filigree/sparse/kernels/kernels.h"
#include "filigree/sparse/padding.h"
#include "filigree/sparse/product_parts.h"
#include "filigree/sparse/refinement.h"

namespace filigree::sparse {
namespace {

// The values with each block transposed, in the order of `blocks`.
template <typename T>
const T* transposed_values(const BsrPattern& w, const GroupedBlocks& blocks, const T* values) {
  constexpr std::int64_t kBlocksPerTask = 64;
  const std::int64_t b = w.block().rows;
  T* transposed = scratch<Scratch::kCall, T>(w.value_capacity());
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

// Fills in tokens, groups and scratch of `whole` (all tokens and groups) for each task, and runs it.
template <typename T>
void run_dds(kernels::DdsTask<T> whole, BlockShape block, const Schedule& schedule,
             dense::Activation activation = dense::Activation::kNone) {
  const kernels::DdsKernel<T> kernel = kernels::dds_kernel<T>(block);
  const std::int64_t step = kernels::whole_tiles(block);
  const std::int64_t groups = whole.last_group;
  const dense::ActivationKernel<T> activate = dense::activation_kernel<T>(activation);
  const std::int64_t steps = (whole.tokens + step - 1) / step;
  Schedule parts = dds_parts(schedule, block, whole.tokens, groups, thread_count());
  // What an activation finds is still in the caches then.
  if (activate != nullptr) parts.activation_parts = steps;
  parallel_tasks(parts.activation_parts * parts.group_parts, [&](std::int64_t index, int) {
    kernels::DdsTask<T> task = whole;
    const std::int64_t token_part = index / parts.group_parts;
    const std::int64_t part = index % parts.group_parts;
    const std::int64_t first = steps * token_part / parts.activation_parts * step;
    const std::int64_t last =
        std::min(whole.tokens, steps * (token_part + 1) / parts.activation_parts * step);
    task.tokens = last - first;
    task.tokens_behind = whole.tokens - first - task.tokens;
    task.x += first * task.x_stride;
    task.y += first * task.y_stride;
    task.first_group = group_bound(task.blocks, groups, part, parts.group_parts);
    task.last_group = group_bound(task.blocks, groups, part + 1, parts.group_parts);
    if (task.first_group == task.last_group) return;
    const std::int64_t outputs = (task.last_group - task.first_group) * block.rows;
    // Room for all outputs: of how many of them a part is depends on the pattern.
    task.scratch =
        scratch<Scratch::kKernel, T>(kernels::dds_scratch(block, task.x_columns, groups * block.rows));
    kernel(task);
    if (activate == nullptr) return;
    const std::int64_t first_output = task.first_group * block.rows;
    for (std::int64_t t = 0; t < task.tokens; ++t) {
      activate(task.y + t * task.y_stride + first_output, outputs);
    }
  });
}

// The refined values, in memory that lives until the next call.
template <typename T>
const T* refined_values(const Refinement& refinement, const T* values) {
  T* const fine = scratch<Scratch::kFineValues, T>(refinement.pattern().value_capacity());
  refinement.refine(values, fine);
  return fine;
}

template <typename T>
void dds_transposed_by_kernel(ConstView<T> x, const BsrPattern& w, const T* values, const T* bias,
                              MatrixView<T> y, bool accumulate, dense::Activation activation,
                              const Schedule& schedule) {
  if (w.ragged()) {
    const BsrPattern& padded = w.padded();
    const PaddedInput<T> whole_x(x, y.rows, padded.columns());
    const PaddedBias<T> whole_bias(bias, w.rows(), padded.rows());
    const PaddedOutput<T> whole_y(y, y.rows, padded.rows(), accumulate);
    dds_transposed<T>(whole_x.view(), padded, values, whole_bias.data(), whole_y.view(), accumulate,
                      activation, schedule);
    whole_y.finish();
    return;
  }
  if constexpr (std::is_same_v<T, float>) {
    if (has_few_columns_kernel(w.block(), y.rows)) {
      multiply_few_columns(ActivationLayout::kTokenMajor, w, values, x, bias, y, accumulate, activation,
                           schedule);
      return;
    }
  }
  if (!kernels::has_dds(w.block())) {
    const Refinement& fine = w.refinement();
    dds_transposed<T>(x, fine.pattern(), refined_values(fine, values), bias, y, accumulate, activation,
                      schedule);
    return;
  }
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
              .transposed = false,
              .bias = bias,
              .accumulate = accumulate,
              .scratch = nullptr},
             w.block(), schedule, activation);
}

template <typename T>
void dds_by_kernel(ConstView<T> dy, const BsrPattern& w, const T* values, MatrixView<T> dx, bool accumulate,
                   const Schedule& schedule) {
  if (w.ragged()) {
    const BsrPattern& padded = w.padded();
    const PaddedInput<T> whole_dy(dy, dx.rows, padded.rows());
    const PaddedOutput<T> whole_dx(dx, dx.rows, padded.columns(), accumulate);
    dds<T>(whole_dy.view(), padded, values, whole_dx.view(), accumulate, schedule);
    whole_dx.finish();
    return;
  }
  if (!kernels::has_dds(w.block())) {
    const Refinement& fine = w.refinement();
    dds<T>(dy, fine.pattern(), refined_values(fine, values), dx, accumulate, schedule);
    return;
  }
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
              .transposed = true,
              .bias = nullptr,
              .accumulate = accumulate,
              .scratch = nullptr},
             w.block().transposed(), schedule);
}

}  // namespace

template <typename T>
void dds_transposed(ConstView<T> x, const BsrPattern& w, ConstPointer<T> values, ConstPointer<T> bias,
                    MatrixView<T> y, bool accumulate, dense::Activation activation,
                    const Schedule& schedule) {
  check_view("dds_transposed", "x", x, y.rows, w.columns());
  check_view("dds_transposed", "y", y, y.rows, w.rows());
  if (y.rows == 0) return;
  if constexpr (Half<T>) {
    multiply_converted<float>(
        ActivationLayout::kTokenMajor, w, values, x, bias, y, accumulate,
        [&](const float* numbers, ConstView<float> x_part, const float* biases, MatrixView<float> y_part) {
          dds_transposed<float>(x_part, w, numbers, biases, y_part, accumulate, activation, schedule);
        });
  } else {
    dds_transposed_by_kernel<T>(x, w, values, bias, y, accumulate, activation, schedule);
  }
}

template <typename T>
void dds(ConstView<T> dy, const BsrPattern& w, ConstPointer<T> values, MatrixView<T> dx, bool accumulate,
         const Schedule& schedule) {
  check_view("dds", "dy", dy, dx.rows, w.rows());
  check_view("dds", "dx", dx, dx.rows, w.columns());
  if (dx.rows == 0) return;
  if constexpr (Half<T>) {
    const T* const bias = nullptr;
    multiply_converted<float>(
        ActivationLayout::kTokenMajor, w, values, dy, bias, dx, accumulate,
        [&](const float* numbers, ConstView<float> dy_part, const float*, MatrixView<float> dx_part) {
          dds<float>(dy_part, w, numbers, dx_part, accumulate, schedule);
        });
  } else {
    dds_by_kernel<T>(dy, w, values, dx, accumulate, schedule);
  }
}

template void dds_transposed<float>(ConstView<float>, const BsrPattern&, const float*, const float*,
                                    MatrixView<float>, bool, dense::Activation, const Schedule&);
template void dds_transposed<double>(ConstView<double>, const BsrPattern&, const double*, const double*,
                                     MatrixView<double>, bool, dense::Activation, const Schedule&);
template void dds_transposed<BFloat16>(ConstView<BFloat16>, const BsrPattern&, const BFloat16*,
                                       const BFloat16*, MatrixView<BFloat16>, bool, dense::Activation,
                                       const Schedule&);
template void dds_transposed<Float16>(ConstView<Float16>, const BsrPattern&, const Float16*, const Float16*,
                                      MatrixView<Float16>, bool, dense::Activation, const Schedule&);
template void dds<float>(ConstView<float>, const BsrPattern&, const float*, MatrixView<float>, bool,
                         const Schedule&);
template void dds<double>(ConstView<double>, const BsrPattern&, const double*, MatrixView<double>, bool,
                          const Schedule&);
template void dds<BFloat16>(ConstView<BFloat16>, const BsrPattern&, const BFloat16*, MatrixView<BFloat16>,
                            bool, const Schedule&);
template void dds<Float16>(ConstView<Float16>, const BsrPattern&, const Float16*, MatrixView<Float16>, bool,
                           const Schedule&);

}  // namespace filigree::sparse
