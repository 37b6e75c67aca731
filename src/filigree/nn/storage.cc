#include "filigree/nn/storage.h"

#include "filigree/base/aligned.h"
#include "filigree/base/parallel.h"
#include "filigree/dense/bfloat16_gemm.h"
#include "filigree/nn/views.h"
#include "filigree/numerics/cast.h"

namespace filigree::nn {
namespace {

constexpr std::int64_t kChunk = 1 << 15;

template <class From, class To>
void cast_all(const From* from, std::int64_t count, To* to) {
  parallel_chunks(count, kChunk,
                  [&](std::int64_t begin, std::int64_t end) { cast(from + begin, end - begin, to + begin); });
}

dense::Transpose transpose_of(bool transposed) {
  return transposed ? dense::Transpose::kYes : dense::Transpose::kNo;
}

}  // namespace

template <class T>
Tensor rounded(const Tensor& x) {
  check_cpu(x, "rounded");
  if (x.scalar_type() != at::kFloat) {
    fail_usage("products of fewer bits begin with float, not {}", c10::toString(x.scalar_type()));
  }
  const Tensor from = x.contiguous();
  Tensor to = at::empty(from.sizes(), at::TensorOptions(storage_type<T>()));
  cast_all(from.data_ptr<float>(), from.numel(), static_cast<T*>(to.data_ptr()));
  return to;
}

template <class T>
Operand<T> operand(int slot, MatrixView<const T> from) {
  if constexpr (std::is_same_v<T, BFloat16>) {
    return from;
  } else {
    using To = std::conditional_t<std::is_same_v<T, Float16>, float, BFloat16>;
    static thread_local AlignedVector<To> scratch[2];
    AlignedVector<To>& to = scratch[slot];
    const std::int64_t count = from.rows * from.columns;
    if (static_cast<std::int64_t>(to.size()) < count) to.resize(static_cast<std::size_t>(count));
    cast_all(from.data, count, to.data());
    return {to.data(), from.rows, from.columns, from.columns};
  }
}

void multiply(bool transpose_a, bool transpose_b, double alpha, MatrixView<const BFloat16> a,
              MatrixView<const BFloat16> b, bool accumulate, MatrixView<float> c) {
  dense::gemm(transpose_of(transpose_a), transpose_of(transpose_b), static_cast<float>(alpha), a, b,
              accumulate, c);
}
void multiply(bool transpose_a, bool transpose_b, double alpha, MatrixView<const float> a,
              MatrixView<const float> b, bool accumulate, MatrixView<float> c) {
  dense::gemm<float>(transpose_of(transpose_a), transpose_of(transpose_b), static_cast<float>(alpha), a, b,
                     accumulate ? 1.0F : 0.0F, c);
}

template Operand<BFloat16> operand<BFloat16>(int, MatrixView<const BFloat16>);
template Operand<Float16> operand<Float16>(int, MatrixView<const Float16>);
template Operand<Float8E4M3> operand<Float8E4M3>(int, MatrixView<const Float8E4M3>);
template Operand<Float8E5M2> operand<Float8E5M2>(int, MatrixView<const Float8E5M2>);
template Tensor rounded<BFloat16>(const Tensor&);
template Tensor rounded<Float16>(const Tensor&);
template Tensor rounded<Float8E4M3>(const Tensor&);
template Tensor rounded<Float8E5M2>(const Tensor&);

}  // namespace filigree::nn
