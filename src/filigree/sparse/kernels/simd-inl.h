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
#if !FILIGREE_SPARSE_PLAIN
using Full = hn::ScalableTag<float>;
using FullVec = hn::Vec<Full>;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(Full()));
#endif

// Fetches rows that are needed next, a few cache lines at a time between other work: what needs them does not
// wait for memory then, and no burst of misses holds up the work in between.
class RowPrefetcher {
 public:
  // To be called `steps` times.
  template <typename T>
  RowPrefetcher(const T* rows, std::int64_t stride, std::int64_t columns, std::int64_t count,
                std::int64_t steps)
      : row_(reinterpret_cast<const char*>(rows)),
        stride_(stride * static_cast<std::int64_t>(sizeof(T))),
        row_bytes_(columns * static_cast<std::int64_t>(sizeof(T))) {
    lines_ = count * ((row_bytes_ + kCacheLine - 1) / kCacheLine);
    lines_per_step_ = lines_ / (steps > 0 ? steps : 1) + 1;
  }

  // Into L2.
  HWY_INLINE void step() { Step<0, 2>(); }
  // Into L1, to be written.
  HWY_INLINE void step_for_writing() { Step<1, 3>(); }

 private:
  template <int kForWriting, int kLevel>
  HWY_INLINE void Step() {
    std::int64_t left = lines_per_step_ < lines_ ? lines_per_step_ : lines_;
    lines_ -= left;
    for (; left > 0; --left) {
      __builtin_prefetch(row_ + at_, kForWriting, kLevel);
      at_ += kCacheLine;
      if (at_ >= row_bytes_) {
        at_ = 0;
        row_ += stride_;
      }
    }
  }

  const char* row_;
  std::int64_t stride_;
  std::int64_t row_bytes_;
  std::int64_t lines_;
  std::int64_t lines_per_step_;
  std::int64_t at_ = 0;
};

}  // namespace filigree::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
