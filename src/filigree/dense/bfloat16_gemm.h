// Dense products of BF16 operands with sums and results in FP32.
#pragma once

#include "filigree/dense/gemm.h"
#include "filigree/numerics/bfloat16.h"

namespace filigree::dense {

// c = alpha * op(a) * op(b) (+ c where `accumulate`), shapes as in gemm. On oneDNN where it is installed and
// the CPU multiplies BF16 (AVX512-BF16, AMX), whose instructions take subnormal products for zero; otherwise
// the operands are converted and OpenBLAS multiplies them. alpha: positive and finite.
// Errors (usage): shapes that do not fit.
void gemm(Transpose transpose_a, Transpose transpose_b, float alpha, MatrixView<const BFloat16> a,
          MatrixView<const BFloat16> b, bool accumulate, MatrixView<float> c);

}  // namespace filigree::dense
