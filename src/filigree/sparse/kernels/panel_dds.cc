// dds for blocks that are no vector of outputs or inputs: some tokens of the activations are transposed into
// a panel of columns, which is what dsd multiplies, and its results are transposed back.
#include "filigree/base/simd.h"
#include "filigree/sparse/kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/sparse/kernels/panel_dds.cc"
#include <hwy/foreach_target.h>
//
#include "filigree/sparse/kernels/narrow-inl.h"

HWY_BEFORE_NAMESPACE();
namespace filigree::sparse::kernels::HWY_NAMESPACE {
namespace {

#if FILIGREE_SPARSE_PLAIN

template <bool kAdd>
void Transpose(const float* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns,
               float* to, std::int64_t to_stride) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      float& place = to[c * to_stride + r];
      place = (kAdd ? place : 0.0F) + from[r * from_stride + c];
    }
  }
}

#endif

void SetTransposed(const float* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns,
                   float* to, std::int64_t to_stride) {
  Transpose<false>(from, from_stride, rows, columns, to, to_stride);
}
void AddTransposed(const float* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns,
                   float* to, std::int64_t to_stride) {
  Transpose<true>(from, from_stride, rows, columns, to, to_stride);
}

}  // namespace
}  // namespace filigree::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace filigree::sparse::kernels {
namespace {

HWY_EXPORT(SetTransposed);
HWY_EXPORT(AddTransposed);

template <int kOut, int kIn>
void dds(const DdsTask<float>& task) {
  constexpr BlockShape kBlock(kOut, kIn);
  const auto set_transposed = FILIGREE_SIMD(SetTransposed);
  const auto store = task.accumulate ? FILIGREE_SIMD(AddTransposed) : set_transposed;
  const std::int64_t outputs = (task.last_group - task.first_group) * kOut;
  constexpr std::int64_t kTile = max_tile_tokens(kBlock);
  float* const x = task.scratch;
  float* const y = x + kTile * task.x_columns;
  float* const scratch = y + kTile * outputs;
  for (std::int64_t first = 0; first < task.tokens; first += kTile) {
    const std::int64_t tokens = std::min(kTile, task.tokens - first);
    const std::int64_t padded = (tokens + kColumnStep - 1) / kColumnStep * kColumnStep;
    if (padded != tokens) std::fill_n(x, padded * task.x_columns, 0.0F);
    set_transposed(task.x + first * task.x_stride, task.x_stride, tokens, task.x_columns, x, padded);
    DsdTask<float> product{};
    product.x = x;
    product.x_stride = padded;
    product.x_rows = task.x_columns;
    product.y = y - task.first_group * kOut * padded;
    product.y_stride = padded;
    product.columns = padded;
    product.panel_columns = kPanelColumns;
    product.blocks = task.blocks;
    product.first_group = task.first_group;
    product.last_group = task.last_group;
    product.values = task.values;
    product.transposed = task.transposed;
    product.bias = task.bias;
    product.scratch = scratch;
    dsd_kernel<float>(kBlock, padded)(product);
    store(y, padded, outputs, tokens, task.y + first * task.y_stride + task.first_group * kOut,
          task.y_stride);
  }
}

}  // namespace

DdsKernel<float> panel_dds(BlockShape block) {
  if (block == BlockShape(1, 16)) return dds<1, 16>;
  if (block == BlockShape(16, 1)) return dds<16, 1>;
  if (block == BlockShape(4, 1)) return dds<4, 1>;
  if (block == BlockShape(1, 4)) return dds<1, 4>;
  return dds<2, 2>;
}

}  // namespace filigree::sparse::kernels
#endif
