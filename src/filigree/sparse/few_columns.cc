#include "filigree/sparse/few_columns.h"

#include <algorithm>

#include "filigree/base/parallel.h"
#include "filigree/sparse/product_parts.h"

namespace filigree::sparse {
namespace {

// x as the kernel takes it: where it lies, if it is one column, or a copy that lives until the next call.
const float* input(ActivationLayout layout, std::int64_t block, MatrixView<const float> x) {
  const bool row_major = layout == ActivationLayout::kRowMajor;
  const std::int64_t inputs = row_major ? x.rows : x.columns;
  const std::int64_t samples = row_major ? x.columns : x.rows;
  if (samples == 1 && (!row_major || x.stride == 1)) return x.data;
  const std::int64_t width = block == 1 ? kernels::few_width(samples) : samples;
  float* const copy = scratch<Scratch::kCall, float>(inputs * width);
  if (width != samples) std::fill_n(copy, inputs * width, 0.0F);
  const std::int64_t input_step = row_major ? x.stride : 1;
  const std::int64_t sample_step = row_major ? 1 : x.stride;
  for (std::int64_t first = 0; first < inputs; first += block) {
    for (std::int64_t c = 0; c < samples; ++c) {
      const float* from = x.data + first * input_step + c * sample_step;
      float* to = copy + first * width + c * block;
      for (std::int64_t i = 0; i < block; ++i) to[i] = from[i * input_step];
    }
  }
  return copy;
}

}  // namespace

bool has_few_columns_kernel(BlockShape block, std::int64_t samples) {
  return samples <= kernels::kFewColumns && kernels::few_kernel(block) != nullptr;
}

bool runs_few_columns_kernel(BlockShape block, Product product, std::int64_t samples, bool doubles,
                             bool pairs) {
  return product == Product::kForward && !doubles && !pairs && has_few_columns_kernel(block, samples);
}

void multiply_few_columns(ActivationLayout layout, const BsrPattern& w, const float* values,
                          MatrixView<const float> x, const float* bias, MatrixView<float> y, bool accumulate,
                          dense::Activation activation, const Schedule& schedule) {
  const bool row_major = layout == ActivationLayout::kRowMajor;
  const std::int64_t samples = row_major ? y.columns : y.rows;
  if (samples == 0) return;
  const float* const packed = input(layout, w.block().columns, x);
  const GroupedBlocks blocks = blocks_by_row(w);
  const std::int64_t groups = w.block_rows();
  const std::int64_t parts = dsd_parts(schedule, samples, groups, thread_count()).group_parts;
  const kernels::FewKernel kernel = kernels::few_kernel(w.block());
  const dense::ActivationKernel<float> activate = dense::activation_kernel<float>(activation);
  parallel_tasks(parts, [&](std::int64_t part, int) {
    const std::int64_t first_group = group_bound(blocks, groups, part, parts);
    const std::int64_t last_group = group_bound(blocks, groups, part + 1, parts);
    kernel({.x = packed,
            .columns = samples,
            .y = y.data,
            .y_row_stride = row_major ? y.stride : 1,
            .y_column_stride = row_major ? 1 : y.stride,
            .blocks = blocks,
            .first_group = first_group,
            .last_group = last_group,
            .values = values,
            .bias = bias,
            .accumulate = accumulate});
    if (activate == nullptr) return;
    const std::int64_t first = first_group * w.block().rows;
    const std::int64_t outputs = last_group * w.block().rows - first;
    if (row_major) {
      for (std::int64_t r = first; r < first + outputs; ++r) activate(y.row(r), samples);
    } else {
      for (std::int64_t t = 0; t < samples; ++t) activate(y.row(t) + first, outputs);
    }
  });
}

}  // namespace filigree::sparse
