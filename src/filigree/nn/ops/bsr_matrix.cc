#include "filigree/nn/ops/bsr_matrix.h"

#include <algorithm>

#include "filigree/base/philox.h"
#include "filigree/nn/views.h"
#include "filigree/sparse/conversion.h"

namespace filigree::nn {
std::tuple<BsrPatternRef, Tensor> bsr_from_dense(const Tensor& weight, double density,
                                                 sparse::BlockShape block) {
  return with_real_type(weight, "bsr_from_dense", [&](auto zero) -> std::tuple<BsrPatternRef, Tensor> {
    using T = decltype(zero);
    sparse::BsrMatrix<T> matrix =
        sparse::bsr_from_dense<T>(matrix_of<const T>(weight, "bsr_from_dense"), block, density);
    Tensor values = at::empty(value_sizes(matrix.pattern), weight.options());
    std::copy(matrix.values.begin(), matrix.values.end(), values.data_ptr<T>());
    return {c10::make_intrusive<BsrPatternHolder>(std::move(matrix.pattern)), values};
  });
}

Tensor bsr_to_dense(const Tensor& values, const BsrPatternRef& pattern) {
  const sparse::BsrPattern& w = *pattern->pattern;
  Tensor dense = at::zeros({w.rows(), w.columns()}, values.options());
  with_real_type(values, "bsr_to_dense", [&](auto zero) {
    using T = decltype(zero);
    const T* from = values_of<T>(values, w, "bsr_to_dense");
    T* to = dense.data_ptr<T>();
    const std::int64_t height = w.block().rows;
    const std::int64_t width = w.block().columns;
    w.for_each_block([&](std::int64_t p, std::int64_t r, std::int64_t c) {
      // A ragged matrix ends within a block.
      const std::int64_t rows = std::min(height, w.rows() - r * height);
      const std::int64_t columns = std::min(width, w.columns() - c * width);
      for (std::int64_t i = 0; i < rows; ++i) {
        std::copy_n(from + (p * height + i) * width, columns,
                    to + (r * height + i) * w.columns() + c * width);
      }
    });
  });
  return dense;
}

Tensor bsr_trim(const Tensor& values, const BsrPatternRef& pattern) {
  const sparse::BsrPattern& w = *pattern->pattern;
  Tensor trimmed = values.clone(at::MemoryFormat::Contiguous);
  if (!w.ragged()) return trimmed;
  with_real_type(values, "bsr_trim", [&](auto zero) {
    using T = decltype(zero);
    (void)values_of<T>(trimmed, w, "bsr_trim");
    T* const to = trimmed.data_ptr<T>();
    const std::int64_t height = w.block().rows;
    const std::int64_t width = w.block().columns;
    w.for_each_block([&](std::int64_t p, std::int64_t r, std::int64_t c) {
      for (std::int64_t i = 0; i < height; ++i) {
        const std::int64_t kept = r * height + i < w.rows() ? std::min(width, w.columns() - c * width) : 0;
        std::fill(to + (p * height + i) * width + kept, to + (p * height + i + 1) * width, T{0});
      }
    });
  });
  return trimmed;
}

BsrPatternRef bsr_random(std::int64_t rows, std::int64_t columns, sparse::BlockShape block, double density,
                         std::int64_t seed) {
  const std::int64_t count = sparse::block_count_for_density(rows, columns, block, density);
  Philox random(static_cast<std::uint64_t>(seed), Purpose::kPattern);
  return c10::make_intrusive<BsrPatternHolder>(
      sparse::BsrPattern::random(rows, columns, block, count, random));
}

Tensor bsr_move(const Tensor& values, const BsrPatternRef& from, const BsrPatternRef& to) {
  const sparse::BsrPattern& before = *from->pattern;
  const sparse::BsrPattern& after = *to->pattern;
  if (before.rows() != after.rows() || before.columns() != after.columns() ||
      before.block() != after.block()) {
    fail_usage("bsr_move: a pattern of {} x {} with blocks of {} does not follow one of {} x {} with {}",
               after.rows(), after.columns(), after.block().text(), before.rows(), before.columns(),
               before.block().text());
  }
  const std::int64_t size = before.block().values();
  Tensor moved = at::zeros(value_sizes(after), values.options());
  with_real_type(values, "bsr_move", [&](auto zero) {
    using T = decltype(zero);
    const T* source = values_of<T>(values, before, "bsr_move");
    T* target = moved.data_ptr<T>();
    after.for_each_block([&](std::int64_t p, std::int64_t r, std::int64_t c) {
      const auto columns = before.column_indices();
      const auto first = columns.begin() + before.row_offsets()[r];
      const auto last = columns.begin() + before.row_offsets()[r + 1];
      const auto found = std::lower_bound(first, last, c);
      if (found == last || *found != c) return;
      std::copy_n(source + (found - columns.begin()) * size, size, target + p * size);
    });
  });
  return moved;
}

}  // namespace filigree::nn
