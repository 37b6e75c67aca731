#include "filigree/dense/dense_library.h"

#include <dlfcn.h>

#include <cstdint>
#include <type_traits>

#include "filigree/base/parallel.h"
#include "filigree/dense/onednn_matmul.h"

namespace filigree::dense {
namespace {

template <typename T>
void openblas(Transpose transpose_a, Transpose transpose_b, MatrixView<const T> a, MatrixView<const T> b,
              MatrixView<T> c) {
  gemm<T>(transpose_a, transpose_b, T{1}, a, b, T{0}, c);
}

// Functions of a library that is installed, or nullptr. The native interfaces, because the names of BLAS's
// own are OpenBLAS's already in this process.
template <typename Function>
Function load(const char* library, const char* function) {
  void* handle = ::dlopen(library, RTLD_NOW | RTLD_LOCAL);
  return handle == nullptr ? nullptr : reinterpret_cast<Function>(::dlsym(handle, function));
}

// dnnl_sgemm of oneDNN's C interface, version 2: row-major, 0 is success.
using OneDnnSgemm = int (*)(char, char, std::int64_t, std::int64_t, std::int64_t, float, const float*,
                            std::int64_t, const float*, std::int64_t, float, float*, std::int64_t);
OneDnnSgemm onednn_sgemm() {
  static const auto function = load<OneDnnSgemm>("libdnnl.so.2", "dnnl_sgemm");
  return function;
}

void onednn(Transpose transpose_a, Transpose transpose_b, MatrixView<const float> a,
            MatrixView<const float> b, MatrixView<float> c) {
  const auto letter = [](Transpose transpose) { return transpose == Transpose::kYes ? 'T' : 'N'; };
  const std::int64_t inner = transpose_a == Transpose::kYes ? a.rows : a.columns;
  onednn_sgemm()(letter(transpose_a), letter(transpose_b), c.rows, c.columns, inner, 1.0F, a.data, a.stride,
                 b.data, b.stride, 0.0F, c.data, c.stride);
}

// bli_sgemm and bli_dgemm of BLIS's typed interface: strides between rows and between columns; trans_t 0 is
// "as it is".
template <typename T>
using BlisGemm = void (*)(int, int, std::int64_t, std::int64_t, std::int64_t, const T*, const T*,
                          std::int64_t, std::int64_t, const T*, std::int64_t, std::int64_t, const T*, T*,
                          std::int64_t, std::int64_t);
template <typename T>
BlisGemm<T> blis_gemm() {
  static const auto function =
      load<BlisGemm<T>>("libblis.so.4", std::is_same_v<T, double> ? "bli_dgemm" : "bli_sgemm");
  return function;
}

template <typename T>
void blis(Transpose transpose_a, Transpose transpose_b, MatrixView<const T> a, MatrixView<const T> b,
          MatrixView<T> c) {
  const bool swap_a = transpose_a == Transpose::kYes;
  const bool swap_b = transpose_b == Transpose::kYes;
  const T one = 1;
  const T zero = 0;
  blis_gemm<T>()(0, 0, c.rows, c.columns, swap_a ? a.rows : a.columns, &one, a.data, swap_a ? 1 : a.stride,
                 swap_a ? a.stride : 1, b.data, swap_b ? 1 : b.stride, swap_b ? b.stride : 1, &zero, c.data,
                 c.stride, 1);
}

}  // namespace

std::vector<DenseLibrary> dense_libraries() {
  std::vector<DenseLibrary> libraries{
      {.name = "OpenBLAS", .floats = openblas<float>, .doubles = openblas<double>}};
  if (onednn_sgemm() != nullptr) {
    const DenseProduct<BFloat16> bfloats = onednn_matmul;
    libraries.push_back(
        {.name = "oneDNN", .floats = onednn, .bfloats = has_onednn_matmul() ? bfloats : nullptr});
  }
  if (blis_gemm<float>() != nullptr && blis_gemm<double>() != nullptr) {
    const auto set_threads = load<void (*)(std::int64_t)>("libblis.so.4", "bli_thread_set_num_threads");
    if (set_threads != nullptr) set_threads(thread_count());
    libraries.push_back({.name = "BLIS", .floats = blis<float>, .doubles = blis<double>});
  }
  return libraries;
}

}  // namespace filigree::dense
