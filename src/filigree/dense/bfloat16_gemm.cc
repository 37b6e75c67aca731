#include "filigree/dense/bfloat16_gemm.h"

#include "filigree/base/aligned.h"
#include "filigree/base/isa.h"
#include "filigree/base/parallel.h"
#include "filigree/dense/onednn_matmul.h"
#include "filigree/numerics/cast.h"

namespace filigree::dense {
namespace {

AlignedVector<float> to_floats(MatrixView<const BFloat16> from) {
  AlignedVector<float> to(static_cast<std::size_t>(from.rows * from.columns));
  parallel_chunks(from.rows, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) cast(from.row(r), from.columns, to.data() + r * from.columns);
  });
  return to;
}

}  // namespace

void gemm(Transpose transpose_a, Transpose transpose_b, float alpha, MatrixView<const BFloat16> a,
          MatrixView<const BFloat16> b, bool accumulate, MatrixView<float> c) {
  const bool empty = a.rows == 0 || a.columns == 0 || b.rows == 0 || b.columns == 0;
  if (!empty && chosen_isa() == Isa::kAvx512Bf16 && has_onednn_matmul()) {
    onednn_matmul(transpose_a, transpose_b, alpha, a, b, accumulate, c);
    return;
  }
  const AlignedVector<float> left = to_floats(a);
  const AlignedVector<float> right = to_floats(b);
  gemm<float>(transpose_a, transpose_b, alpha, {left.data(), a.rows, a.columns, a.columns},
              {right.data(), b.rows, b.columns, b.columns}, accumulate ? 1.0F : 0.0F, c);
}

}  // namespace filigree::dense
