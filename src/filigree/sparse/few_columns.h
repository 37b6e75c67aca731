// Products with few columns or tokens, which take the time that reading the weights takes. Not for users.
#pragma once

#include <cstdint>

#include "filigree/dense/activation.h"
#include "filigree/numerics/matrix_view.h"
#include "filigree/sparse/bsr_pattern.h"
#include "filigree/sparse/product.h"
#include "filigree/sparse/schedule.h"

namespace filigree::sparse {

// Whether there is a kernel for so many columns or tokens in FP32.
bool has_few_columns_kernel(BlockShape block, std::int64_t samples);

// Whether a product runs on it. doubles: it is one of FP64; pairs: of BF16, by pairs.
bool runs_few_columns_kernel(BlockShape block, Product product, std::int64_t samples, bool doubles,
                             bool pairs);

// y = activation(w x + bias (nullptr: none), plus y where `accumulate`); x and y in `layout`. w is not
// ragged.
void multiply_few_columns(ActivationLayout layout, const BsrPattern& w, const float* values,
                          MatrixView<const float> x, const float* bias, MatrixView<float> y, bool accumulate,
                          dense::Activation activation, const Schedule& schedule);

}  // namespace filigree::sparse
