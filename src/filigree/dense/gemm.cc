#include "filigree/dense/gemm.h"

#include <cblas.h>

#include <algorithm>
#include <limits>
#include <type_traits>

#include "filigree/base/error.h"
#include "filigree/base/parallel.h"

namespace filigree::dense {
namespace {

CBLAS_TRANSPOSE to_cblas(Transpose t) { return t == Transpose::kYes ? CblasTrans : CblasNoTrans; }

}  // namespace

template <typename T>
void gemm(Transpose transpose_a, Transpose transpose_b, T alpha, MatrixView<const T> a, MatrixView<const T> b,
          T beta, MatrixView<T> c) {
  const std::int64_t m = transpose_a == Transpose::kYes ? a.columns : a.rows;
  const std::int64_t k = transpose_a == Transpose::kYes ? a.rows : a.columns;
  const std::int64_t k_of_b = transpose_b == Transpose::kYes ? b.columns : b.rows;
  const std::int64_t n = transpose_b == Transpose::kYes ? b.rows : b.columns;
  if (k != k_of_b || c.rows != m || c.columns != n) {
    fail_usage("gemm: {} x {} times {} x {} does not give {} x {}", m, k, k_of_b, n, c.rows, c.columns);
  }
  if (m == 0 || n == 0) return;
  if (std::max({m, n, k, a.stride, b.stride, c.stride}) > std::numeric_limits<blasint>::max()) {
    fail_usage("gemm: {} x {} x {} has a size or stride that BLAS's integers do not hold", m, n, k);
  }
  if (k == 0) {  // BLAS may reject the stride of an operand without columns
    for (std::int64_t r = 0; r < m; ++r) {
      for (T *element = c.row(r), *end = element + n; element != end; ++element) {
        *element = beta == T(0) ? T(0) : beta * *element;
      }
    }
    return;
  }
  const auto i = [](std::int64_t value) { return static_cast<blasint>(value); };
  if constexpr (std::is_same_v<T, float>) {
    cblas_sgemm(CblasRowMajor, to_cblas(transpose_a), to_cblas(transpose_b), i(m), i(n), i(k), alpha, a.data,
                i(a.stride), b.data, i(b.stride), beta, c.data, i(c.stride));
  } else {
    cblas_dgemm(CblasRowMajor, to_cblas(transpose_a), to_cblas(transpose_b), i(m), i(n), i(k), alpha, a.data,
                i(a.stride), b.data, i(b.stride), beta, c.data, i(c.stride));
  }
}

template void gemm(Transpose, Transpose, float, MatrixView<const float>, MatrixView<const float>, float,
                   MatrixView<float>);
template void gemm(Transpose, Transpose, double, MatrixView<const double>, MatrixView<const double>, double,
                   MatrixView<double>);

void set_blas_threads() { openblas_set_num_threads(thread_count()); }

}  // namespace filigree::dense
