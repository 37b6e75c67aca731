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

// A view of `from` in a format that there is a product of: BF16 holds all of FP8, FP32 all of FP16.
// `kScratch` tells apart what is converted for one product.
template <int kScratch, class T>
auto operand(MatrixView<const T> from) {
  if constexpr (std::is_same_v<T, BFloat16>) {
    return from;
  } else {
    using To = std::conditional_t<std::is_same_v<T, Float16>, float, BFloat16>;
    static thread_local AlignedVector<To> scratch;
    const std::int64_t count = from.rows * from.columns;
    if (static_cast<std::int64_t>(scratch.size()) < count) scratch.resize(static_cast<std::size_t>(count));
    cast_all(from.data, count, scratch.data());
    return MatrixView<const To>(scratch.data(), from.rows, from.columns, from.columns);
  }
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

template <class A, class B>
void multiply(bool transpose_a, bool transpose_b, double alpha, MatrixView<const A> a, MatrixView<const B> b,
              bool accumulate, MatrixView<float> c) {
  using dense::Transpose;
  const auto op_a = transpose_a ? Transpose::kYes : Transpose::kNo;
  const auto op_b = transpose_b ? Transpose::kYes : Transpose::kNo;
  const auto left = operand<0>(a);
  const auto right = operand<1>(b);
  if constexpr (std::is_same_v<A, Float16>) {
    dense::gemm<float>(op_a, op_b, static_cast<float>(alpha), left, right, accumulate ? 1.0F : 0.0F, c);
  } else {
    dense::gemm(op_a, op_b, static_cast<float>(alpha), left, right, accumulate, c);
  }
}

template Tensor rounded<BFloat16>(const Tensor&);
template Tensor rounded<Float16>(const Tensor&);
template Tensor rounded<Float8E4M3>(const Tensor&);
template Tensor rounded<Float8E5M2>(const Tensor&);

#define FILIGREE_MULTIPLY(A, B)                                                                    \
  template void multiply<A, B>(bool, bool, double, MatrixView<const A>, MatrixView<const B>, bool, \
                               MatrixView<float>);
FILIGREE_MULTIPLY(BFloat16, BFloat16)
FILIGREE_MULTIPLY(Float16, Float16)
FILIGREE_MULTIPLY(Float8E4M3, Float8E4M3)
FILIGREE_MULTIPLY(Float8E5M2, Float8E4M3)

}  // namespace filigree::nn
