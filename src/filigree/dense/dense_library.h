// The libraries of dense products that this machine has, as yardsticks: what a dense product costs at its
// best. Filigree itself calls OpenBLAS (gemm.h); the others are loaded at run time, where they are installed.
#pragma once

#include <string>
#include <type_traits>
#include <vector>

#include "filigree/dense/gemm.h"
#include "filigree/numerics/bfloat16.h"

namespace filigree::dense {

// c = op(a) op(b), all row-major, on the threads of base/parallel.h. Shapes as in gemm.
template <typename T>
using DenseProduct = void (*)(Transpose transpose_a, Transpose transpose_b, MatrixView<const T> a,
                              MatrixView<const T> b, MatrixView<T> c);

struct DenseLibrary {
  std::string name;  // "OpenBLAS", "oneDNN", "BLIS"
  DenseProduct<float> floats = nullptr;
  // nullptr where the library has none.
  DenseProduct<double> doubles = nullptr;
  DenseProduct<BFloat16> bfloats = nullptr;

  template <typename T>
  DenseProduct<T> product() const {
    if constexpr (std::is_same_v<T, BFloat16>) {
      return bfloats;
    } else if constexpr (std::is_same_v<T, double>) {
      return doubles;
    } else {
      return floats;
    }
  }
};

// OpenBLAS first. Sets the thread count of each: call it after set_thread_count and set_blas_threads.
std::vector<DenseLibrary> dense_libraries();

}  // namespace filigree::dense
