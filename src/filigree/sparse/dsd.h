// The products of block-sparse weights with row-major activations: W X, W^T dY and dY X^T at W's blocks.
// Activations have a row for each feature and a column for each sample, as in PopSparse (Li et al. 2023,
// arXiv 2303.16999, section 2); for token-major ones see products.h.
//
// W is a block-sparse matrix of out x in; X and dX are [in, n], Y and dY are [out, n], row-major with any row
// stride; n may be 0. Views must not overlap. `values` are [block_count][b][b] in the pattern's order.
// T = float, and T = double in blocks of 2 and more (not sdd_row_major), run on the chosen instruction set
// (base/isa.h); T = double runs on plain loops otherwise. T = BFloat16 and Float16 sum in FP32 and round each
// result once. On AVX512-BF16 blocks of 2 and more of BFloat16 run on its products of pairs, which take
// denormals for zero (not sdd_row_major); all else is converted to float on the way, some columns at a time.
// FP8: see fp8_products.h. Results are the same bits for any number of threads;
// 8 columns and fewer are summed in another order than more. Errors (usage): shapes that
// do not fit together; a stride below the number of columns.
#pragma once

#include "filigree/numerics/bfloat16.h"
#include "filigree/numerics/float16.h"
#include "filigree/sparse/products.h"
#include "filigree/sparse/schedule.h"

namespace filigree::sparse {

// y = activation(w x (+ bias in every column) (+ y where `accumulate`)). bias: [out], or nullptr.
template <typename T>
void dsd(const BsrPattern& w, ConstPointer<T> values, ConstView<T> x, ConstPointer<T> bias, MatrixView<T> y,
         bool accumulate = false, dense::Activation activation = dense::Activation::kNone,
         const Schedule& schedule = {});

// dx = w^T dy (+ dx where `accumulate`): gradient of the input.
template <typename T>
void dsd_transposed(const BsrPattern& w, ConstPointer<T> values, ConstView<T> dy, MatrixView<T> dx,
                    bool accumulate = false, const Schedule& schedule = {});

// gradient = dy x^T at w's blocks (+ gradient where `accumulate`): gradient of the weights, in their order.
template <typename T>
void sdd_row_major(ConstView<T> dy, ConstView<T> x, const BsrPattern& w, T* gradient,
                   bool accumulate = false);
// The same sums as they are, in FP32.
template <Half T>
void sdd_row_major(ConstView<T> dy, ConstView<T> x, const BsrPattern& w, float* gradient,
                   bool accumulate = false);

}  // namespace filigree::sparse
