// Eigen's product of a sparse row-major matrix and a dense one, for bench/sparse/peers.py. Compiled for the
// machine at hand, as a program that uses Eigen is.
#include <Eigen/Dense>
#include <Eigen/Sparse>
#include <cstdint>
#include <string>

namespace {

using Sparse = Eigen::SparseMatrix<float, Eigen::RowMajor, std::int32_t>;
using Dense = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

extern "C" {

const char* eigen_version() {
  static const std::string version =
      std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) + "." +
      std::to_string(EIGEN_MINOR_VERSION) + ", " + Eigen::SimdInstructionSetsInUse();
  return version.c_str();
}

void* eigen_matrix(std::int64_t m, std::int64_t k, const std::int32_t* offsets, const std::int32_t* indices,
                   const float* values) {
  return new Sparse(Eigen::Map<const Sparse>(m, k, offsets[m], offsets, indices, values));
}

void eigen_multiply(const void* matrix, const float* x, std::int64_t n, float* y) {
  const Sparse& w = *static_cast<const Sparse*>(matrix);
  Eigen::Map<Dense>(y, w.rows(), n).noalias() = w * Eigen::Map<const Dense>(x, w.cols(), n);
}

void eigen_destroy(void* matrix) { delete static_cast<Sparse*>(matrix); }

}  // extern "C"
