// What the kernels share, once per target. Include after <hwy/highway.h> in a file that
// foreach_target.h compiles.
#if defined(FILIGREE_SPARSE_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FILIGREE_SPARSE_SIMD_INL_H_
#undef FILIGREE_SPARSE_SIMD_INL_H_
#else
#define FILIGREE_SPARSE_SIMD_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

// Registers are named by arrays of vectors, which live in registers only where every loop over them is
// unrolled; GCC does not do so by itself at -O2.
#undef FILIGREE_UNROLL
#if HWY_COMPILER_CLANG
#define FILIGREE_UNROLL _Pragma("clang loop unroll(full)")
#else
#define FILIGREE_UNROLL _Pragma("GCC unroll 32")
#endif

// The kernels are shaped for vectors of 8 or 16 floats; elsewhere the plain loops serve.
#undef FILIGREE_SPARSE_PLAIN
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
#define FILIGREE_SPARSE_PLAIN 0
#else
#define FILIGREE_SPARSE_PLAIN 1
#endif

HWY_BEFORE_NAMESPACE();
namespace filigree::sparse::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// 32 vector registers, or 16.
constexpr bool kManyRegisters = HWY_TARGET <= HWY_AVX3;
constexpr int kCacheLine = 64;

// Fetches the rows of x that come next into L2, a few lines at a time between other work, so that
// copying them later does not wait for memory.
struct RowPrefetcher {
  const char* row;
  std::int64_t stride;
  std::int64_t row_bytes;
  std::int64_t bytes_left;
  std::int64_t bytes_per_step;
  std::int64_t at = 0;

  RowPrefetcher(const float* x, std::int64_t x_stride, std::int64_t columns, std::int64_t rows,
                std::int64_t steps)
      : row(reinterpret_cast<const char*>(x)),
        stride(x_stride * static_cast<std::int64_t>(sizeof(float))),
        row_bytes(columns * static_cast<std::int64_t>(sizeof(float))),
        bytes_left(rows * row_bytes),
        bytes_per_step(bytes_left / (steps > 0 ? steps : 1) + kCacheLine) {}

  HWY_INLINE void step() {
    if (bytes_left <= 0) return;
    bytes_left -= bytes_per_step;
    for (std::int64_t left = bytes_per_step; left > 0; left -= kCacheLine) {
      __builtin_prefetch(row + at, 0, 2);
      at += kCacheLine;
      if (at >= row_bytes) {
        at = 0;
        row += stride;
      }
    }
  }
};

}  // namespace filigree::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
