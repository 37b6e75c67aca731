// dY^T X (token-major) and dY X^T (row-major) at W's blocks.
#include <algorithm>
#include <span>
#include <vector>

#include "filigree/base/isa.h"
#include "filigree/base/parallel.h"
#include "filigree/sparse/converted.h"
#include "filigree/sparse/dsd.h"
#include "filigree/sparse/padding.h"
#include "filigree/sparse/product_parts.h"
#include "filigree/sparse/products.h"
#include "filigree/sparse/refinement.h"

namespace filigree::sparse {
namespace {

// Keeps its memory from call to call.
std::vector<std::int64_t>& column_bounds() {
  thread_local std::vector<std::int64_t> bounds;
  return bounds;
}

// Tasks are ranges of block columns, narrow enough for their copy of x to stay in a core's second-level
// cache, and, where that makes too few for all threads, of block rows. (A task copies its rows of dy as well:
// as few column ranges as possible.) Ranges of columns hold about equally many blocks, and so do ranges of
// rows. A block belongs to one task: the number of threads changes no bit.
template <typename T>
void run_sdd(const kernels::SddSide<T>& dy, const kernels::SddSide<T>& x, std::int64_t tokens,
             const BsrPattern& w, T* gradient, bool accumulate) {
  if (tokens == 0) {
    if (!accumulate) std::fill_n(gradient, w.value_count(), T{0});
    return;
  }
  if (!kernels::has_sdd(w.block())) {
    const Refinement& fine = w.refinement();
    T* const fine_gradient = scratch<Scratch::kFineValues, T>(w.value_capacity());
    run_sdd<T>(dy, x, tokens, fine.pattern(), fine_gradient, false);
    fine.coarsen(fine_gradient, accumulate, gradient);
    return;
  }
  const int side = w.block().rows;
  const kernels::SddKernel<T> kernel = kernels::sdd_kernel<T>(side);
  const std::int64_t chunk = std::min(kernels::sdd_chunk(side), (tokens + 15) / 16 * 16);
  const std::int64_t columns = w.block_columns();
  const std::int64_t fit =
      std::max<std::int64_t>(1, l2_cache_bytes() / 2 / (side * chunk * static_cast<std::int64_t>(sizeof(T))));
  const std::int64_t fewest = (columns + fit - 1) / fit;
  const std::int64_t most = (columns + fewest - 1) / fewest;
  const std::int64_t target = (w.block_count() + fewest - 1) / fewest;
  std::vector<std::int64_t>& bounds = column_bounds();
  bounds.assign(1, 0);
  bounds.reserve(static_cast<std::size_t>(columns) + 1);
  const std::span<const std::int32_t> offsets = w.column_offsets();
  std::int64_t end = 1;  // behind the last column that holds a block
  for (; offsets[end] < offsets[columns]; ++end) {
    const std::int64_t first = bounds.back();
    if (end - first == most || offsets[end] - offsets[first] >= target) bounds.push_back(end);
  }
  bounds.push_back(end);
  const std::int64_t column_parts = static_cast<std::int64_t>(bounds.size()) - 1;
  const std::int64_t threads = thread_count();
  // Rows alone are cut into equal parts; parts of columns may differ, so that there should be more.
  const std::int64_t wanted = threads == 1 || column_parts == 1 ? threads : 2 * threads;
  const std::int64_t row_parts = std::min(w.block_rows(), (wanted + column_parts - 1) / column_parts);
  const GroupedBlocks blocks = blocks_by_row(w);
  parallel_tasks(column_parts * row_parts, [&](std::int64_t task, int) {
    const std::int64_t part = task / row_parts;
    const std::int64_t first = bounds[static_cast<std::size_t>(part)];
    const std::int64_t last = bounds[static_cast<std::size_t>(part) + 1];
    const std::int64_t first_group = group_bound(blocks, w.block_rows(), task % row_parts, row_parts);
    const std::int64_t last_group = group_bound(blocks, w.block_rows(), task % row_parts + 1, row_parts);
    kernel({.dy = dy,
            .x = x,
            .tokens = tokens,
            .chunk = chunk,
            .blocks = blocks,
            .first_group = first_group,
            .last_group = last_group,
            .first_column = first,
            .last_column = last,
            .gradient = gradient,
            .accumulate = accumulate,
            .scratch = scratch<Scratch::kKernel, T>(kernels::sdd_scratch(side, most, chunk)),
            .bounds = index_scratch(2 * w.block_rows())});
  });
}

template <typename T>
void sdd_by_kernel(ConstView<T> dy, ConstView<T> x, const BsrPattern& w, T* gradient, bool accumulate) {
  if (w.ragged()) {
    const BsrPattern& padded = w.padded();
    const PaddedInput<T> whole_dy(dy, x.rows, padded.rows());
    const PaddedInput<T, Scratch::kPaddedSecond> whole_x(x, x.rows, padded.columns());
    sdd<T>(whole_dy.view(), whole_x.view(), padded, gradient, accumulate);
    return;
  }
  run_sdd<T>({dy.data, dy.stride, false}, {x.data, x.stride, false}, x.rows, w, gradient, accumulate);
}

template <typename T>
void sdd_row_major_by_kernel(ConstView<T> dy, ConstView<T> x, const BsrPattern& w, T* gradient,
                             bool accumulate) {
  if (w.ragged()) {
    const BsrPattern& padded = w.padded();
    const PaddedInput<T> whole_dy(dy, padded.rows(), x.columns);
    const PaddedInput<T, Scratch::kPaddedSecond> whole_x(x, padded.columns(), x.columns);
    sdd_row_major<T>(whole_dy.view(), whole_x.view(), padded, gradient, accumulate);
    return;
  }
  run_sdd<T>({dy.data, dy.stride, true}, {x.data, x.stride, true}, x.columns, w, gradient, accumulate);
}

template <typename T, typename G>
void sdd_of_any(ConstView<T> dy, ConstView<T> x, const BsrPattern& w, G* gradient, bool accumulate) {
  check_view("sdd", "dy", dy, x.rows, w.rows());
  check_view("sdd", "x", x, x.rows, w.columns());
  if constexpr (Half<T>) {
    gradient_of_converted(ActivationLayout::kTokenMajor, dy, x, w, gradient, accumulate,
                          [&](ConstView<float> dy_part, ConstView<float> x_part, float* sums, bool add) {
                            sdd<float>(dy_part, x_part, w, sums, add);
                          });
  } else {
    sdd_by_kernel<T>(dy, x, w, gradient, accumulate);
  }
}

template <typename T, typename G>
void sdd_row_major_of_any(ConstView<T> dy, ConstView<T> x, const BsrPattern& w, G* gradient,
                          bool accumulate) {
  check_view("sdd_row_major", "dy", dy, w.rows(), x.columns);
  check_view("sdd_row_major", "x", x, w.columns(), x.columns);
  if constexpr (Half<T>) {
    gradient_of_converted(ActivationLayout::kRowMajor, dy, x, w, gradient, accumulate,
                          [&](ConstView<float> dy_part, ConstView<float> x_part, float* sums, bool add) {
                            sdd_row_major<float>(dy_part, x_part, w, sums, add);
                          });
  } else {
    sdd_row_major_by_kernel<T>(dy, x, w, gradient, accumulate);
  }
}

}  // namespace

template <typename T>
void sdd(ConstView<T> dy, ConstView<T> x, const BsrPattern& w, T* gradient, bool accumulate) {
  sdd_of_any<T>(dy, x, w, gradient, accumulate);
}
template <Half T>
void sdd(ConstView<T> dy, ConstView<T> x, const BsrPattern& w, float* gradient, bool accumulate) {
  sdd_of_any<T>(dy, x, w, gradient, accumulate);
}
template <typename T>
void sdd_row_major(ConstView<T> dy, ConstView<T> x, const BsrPattern& w, T* gradient, bool accumulate) {
  sdd_row_major_of_any<T>(dy, x, w, gradient, accumulate);
}
template <Half T>
void sdd_row_major(ConstView<T> dy, ConstView<T> x, const BsrPattern& w, float* gradient, bool accumulate) {
  sdd_row_major_of_any<T>(dy, x, w, gradient, accumulate);
}

template void sdd<float>(ConstView<float>, ConstView<float>, const BsrPattern&, float*, bool);
template void sdd<double>(ConstView<double>, ConstView<double>, const BsrPattern&, double*, bool);
template void sdd<BFloat16>(ConstView<BFloat16>, ConstView<BFloat16>, const BsrPattern&, BFloat16*, bool);
template void sdd<BFloat16>(ConstView<BFloat16>, ConstView<BFloat16>, const BsrPattern&, float*, bool);
template void sdd<Float16>(ConstView<Float16>, ConstView<Float16>, const BsrPattern&, Float16*, bool);
template void sdd<Float16>(ConstView<Float16>, ConstView<Float16>, const BsrPattern&, float*, bool);
template void sdd_row_major<float>(ConstView<float>, ConstView<float>, const BsrPattern&, float*, bool);
template void sdd_row_major<double>(ConstView<double>, ConstView<double>, const BsrPattern&, double*, bool);
template void sdd_row_major<BFloat16>(ConstView<BFloat16>, ConstView<BFloat16>, const BsrPattern&, BFloat16*,
                                      bool);
template void sdd_row_major<BFloat16>(ConstView<BFloat16>, ConstView<BFloat16>, const BsrPattern&, float*,
                                      bool);
template void sdd_row_major<Float16>(ConstView<Float16>, ConstView<Float16>, const BsrPattern&, Float16*,
                                     bool);
template void sdd_row_major<Float16>(ConstView<Float16>, ConstView<Float16>, const BsrPattern&, float*, bool);

}  // namespace filigree::sparse
