// The three products of a layer with block-sparse weights, on token-major activations. Names are stk's
// (Gale et al., "MegaBlocks", MLSys 2023): the result first, then the factors; d dense, s sparse.
//
// With T tokens, W a block-sparse matrix of out x in (BsrPattern says where its blocks and values are):
// X is [T, in], Y and its gradient dY are [T, out], row-major with any row stride; T may be 0. Views must
// not overlap. `values` and `gradient` are [block_count][b][b] in the pattern's order.
// T = float runs on the chosen instruction set (base/isa.h), T = double on plain loops. T = BFloat16 and
// Float16 are converted to float on the way, some tokens at a time, and results rounded once. FP8: see
// fp8_products.h.
// Results are the same bits for any number of threads; 8 tokens and fewer are summed in another order than
// more. Errors (usage): shapes that do not fit together; a stride below the number of columns.
#pragma once

#include <concepts>
#include <type_traits>

#include "filigree/dense/activation.h"
#include "filigree/numerics/bfloat16.h"
#include "filigree/numerics/float16.h"
#include "filigree/numerics/matrix_view.h"
#include "filigree/sparse/bsr_pattern.h"
#include "filigree/sparse/schedule.h"

namespace filigree::sparse {

// Keeps an argument out of the deduction of T, so that nullptr and views of mutable data may be passed.
template <typename T>
using ConstView = MatrixView<const std::type_identity_t<T>>;
template <typename T>
using ConstPointer = const std::type_identity_t<T>*;

// Formats of 16 bits: their products are summed in FP32.
template <typename T>
concept Half = std::same_as<T, BFloat16> || std::same_as<T, Float16>;

// y = activation(x W^T (+ bias) (+ y where `accumulate`)): forward of a linear layer. bias: [out], or
// nullptr.
template <typename T>
void dds_transposed(ConstView<T> x, const BsrPattern& w, ConstPointer<T> values, ConstPointer<T> bias,
                    MatrixView<T> y, bool accumulate = false,
                    dense::Activation activation = dense::Activation::kNone, const Schedule& schedule = {});

// dx = dy W (+ dx where `accumulate`): gradient of the input.
template <typename T>
void dds(ConstView<T> dy, const BsrPattern& w, ConstPointer<T> values, MatrixView<T> dx,
         bool accumulate = false, const Schedule& schedule = {});

// gradient = dy^T x at W's blocks (+ gradient where `accumulate`): gradient of the weights.
template <typename T>
void sdd(ConstView<T> dy, ConstView<T> x, const BsrPattern& w, T* gradient, bool accumulate = false);
// The same sums as they are, in FP32.
template <Half T>
void sdd(ConstView<T> dy, ConstView<T> x, const BsrPattern& w, float* gradient, bool accumulate = false);

}  // namespace filigree::sparse
