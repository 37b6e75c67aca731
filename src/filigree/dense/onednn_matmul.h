// oneDNN's BF16 products, loaded at run time, where version 2 of its library is installed.
#pragma once

#include "filigree/dense/gemm.h"
#include "filigree/numerics/bfloat16.h"

namespace filigree::dense {

// Whether the library is there, and can multiply BF16 on this CPU.
bool has_onednn_matmul();

// c = op(a) op(b), rounded once. Shapes as in gemm. Keeps what it prepared for the last few dozen shapes.
// Callers wait for each other. Errors: the library refuses.
void onednn_matmul(Transpose transpose_a, Transpose transpose_b, MatrixView<const BFloat16> a,
                   MatrixView<const BFloat16> b, MatrixView<BFloat16> c);
// c = alpha op(a) op(b) (+ c where `accumulate`), sums of FP32 as they are. alpha > 0 finite.
void onednn_matmul(Transpose transpose_a, Transpose transpose_b, float alpha, MatrixView<const BFloat16> a,
                   MatrixView<const BFloat16> b, bool accumulate, MatrixView<float> c);

}  // namespace filigree::dense
