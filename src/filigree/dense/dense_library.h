// The libraries of dense products that this machine has, as yardsticks: what a dense product costs at its
// best. Filigree itself calls OpenBLAS (gemm.h); the others are loaded at run time, where they are installed.
#pragma once

#include <string>
#include <vector>

#include "filigree/dense/gemm.h"

namespace filigree::dense {

struct DenseLibrary {
  std::string name;  // "OpenBLAS", "oneDNN", "BLIS"
  // c = op(a) op(b), all row-major, on the threads of base/parallel.h. Shapes as in gemm.
  void (*product)(Transpose transpose_a, Transpose transpose_b, MatrixView<const float> a,
                  MatrixView<const float> b, MatrixView<float> c);
};

// OpenBLAS first. Sets the thread count of each: call it after set_thread_count and set_blas_threads.
std::vector<DenseLibrary> dense_libraries();

}  // namespace filigree::dense
