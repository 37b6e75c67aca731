// Dense products on OpenBLAS.
#pragma once

#include "filigree/numerics/matrix_view.h"

namespace filigree::dense {

enum class Transpose { kNo, kYes };

// c = alpha * op(a) * op(b) + beta * c, all row-major. Shapes after op: a m x k, b k x n, c m x n.
// Threaded by OpenBLAS; inside a parallel loop it runs on the calling thread.
// Errors (usage): shapes that do not fit.
template <typename T>
void gemm(Transpose transpose_a, Transpose transpose_b, T alpha, MatrixView<const T> a, MatrixView<const T> b,
          T beta, MatrixView<T> c);

extern template void gemm(Transpose, Transpose, float, MatrixView<const float>, MatrixView<const float>,
                          float, MatrixView<float>);
extern template void gemm(Transpose, Transpose, double, MatrixView<const double>, MatrixView<const double>,
                          double, MatrixView<double>);

// Gives OpenBLAS the thread count of base/parallel.h. Call once, after set_thread_count.
void set_blas_threads();

}  // namespace filigree::dense
