// What a lane holds, once per target: a float, a double, or a pair of BF16 of two inputs that are multiplied
// with a pair of weights at a time. Kernels are written once over all.
#if defined(FILIGREE_SPARSE_LANE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FILIGREE_SPARSE_LANE_INL_H_
#undef FILIGREE_SPARSE_LANE_INL_H_
#else
#define FILIGREE_SPARSE_LANE_INL_H_
#endif

#include <cstring>

#include "filigree/numerics/bfloat16.h"
#include "filigree/sparse/kernels/panel-inl.h"

// Highway 1.0.3 has no target with BF16 products. The instructions are written out, compiled into AVX-512's
// code, and run on a CPU with AVX512-BF16 alone.
#undef FILIGREE_SPARSE_BF16
#if HWY_ARCH_X86 && HWY_TARGET == HWY_AVX3
#define FILIGREE_SPARSE_BF16 1
#else
#define FILIGREE_SPARSE_BF16 0
#endif

#if !FILIGREE_SPARSE_PLAIN
HWY_BEFORE_NAMESPACE();
namespace filigree::sparse::kernels::HWY_NAMESPACE {

// A vector of sums, from and to memory of another type too.
template <typename T>
HWY_INLINE hn::Vec<hn::ScalableTag<T>> LoadSums(const T* from) {
  return hn::LoadU(hn::ScalableTag<T>(), from);
}
template <class V, typename T>
HWY_INLINE void StoreSums(V v, T* to) {
  hn::StoreU(v, hn::ScalableTag<T>(), to);
}

template <typename T>
struct SingleLane {
  using Element = T;
  // What products are summed in.
  using Sum = T;
  using Tag = hn::ScalableTag<Sum>;
  using Vec = hn::Vec<Tag>;
  static constexpr int kLanes = static_cast<int>(hn::MaxLanes(Tag()));
  // Inputs that a lane holds.
  static constexpr int kInputs = 1;

  static HWY_INLINE Vec Broadcast(const T* weight) { return hn::Set(Tag(), *weight); }
  static HWY_INLINE Vec MulAdd(Vec weight, Vec input, Vec sum) { return hn::MulAdd(weight, input, sum); }
  static HWY_INLINE void CopyPanel(const T* from, std::int64_t stride, std::int64_t rows,
                                   std::int64_t columns, int vectors, T* to) {
    kernels::HWY_NAMESPACE::CopyPanel(from, stride, rows, columns, vectors, to);
  }
};

#if FILIGREE_SPARSE_BF16

using FullWords = hn::RebindToUnsigned<Full>;
using FullHalves = hn::Rebind<std::uint16_t, Full>;

HWY_INLINE hn::Vec<FullWords> LoadHalves(const BFloat16* from) {
  return hn::PromoteTo(FullWords(), hn::LoadU(FullHalves(), reinterpret_cast<const std::uint16_t*>(from)));
}
HWY_INLINE FullVec LoadSums(const BFloat16* from) {
  return hn::BitCast(Full(), hn::ShiftLeft<16>(LoadHalves(from)));
}
HWY_INLINE void StoreSums(FullVec v, BFloat16* to) {
  __m256i halves;
  asm("vcvtneps2bf16 %1, %0" : "=v"(halves) : "v"(v.raw));
  hn::StoreU(hn::Vec<FullHalves>{halves}, FullHalves(), reinterpret_cast<std::uint16_t*>(to));
}

struct BFloat16Lane {
  using Element = BFloat16;
  using Sum = float;
  using Tag = Full;
  using Vec = FullVec;
  static constexpr int kLanes = kernels::HWY_NAMESPACE::kLanes;
  static constexpr int kInputs = 2;

  static HWY_INLINE FullVec Broadcast(const BFloat16* weights) {
    std::uint32_t pair;
    std::memcpy(&pair, weights, sizeof(pair));
    return hn::BitCast(Full(), hn::Set(FullWords(), pair));
  }
  static HWY_INLINE FullVec MulAdd(FullVec weight, FullVec input, FullVec sum) {
    asm("vdpbf16ps %2, %1, %0" : "+v"(sum.raw) : "v"(weight.raw), "v"(input.raw));
    return sum;
  }
  // As that of floats; two rows at a time, whose elements become the lower and the upper halves of lanes.
  static HWY_NOINLINE void CopyPanel(const BFloat16* from, std::int64_t stride, std::int64_t rows,
                                     std::int64_t columns, int vectors, float* to) {
    constexpr std::int64_t kAheadRows = 16;
    const Full d;
    const std::int64_t whole = columns / kLanes;
    const std::int64_t rest = columns % kLanes;
    for (std::int64_t r = 0; r < rows; r += 2) {
      const BFloat16* even = from + r * stride;
      const BFloat16* odd = even + stride;
      for (std::int64_t v = 0; v < vectors * kLanes; v += kCacheLine / 2) {
        __builtin_prefetch(even + kAheadRows * stride + v, 0, 3);
        __builtin_prefetch(odd + kAheadRows * stride + v, 0, 3);
      }
      for (std::int64_t v = 0; v < whole; ++v) {
        const auto pairs =
            hn::Or(LoadHalves(even + v * kLanes), hn::ShiftLeft<16>(LoadHalves(odd + v * kLanes)));
        hn::Store(hn::BitCast(d, pairs), d, to + v * kLanes);
      }
      if (whole < vectors) {
        HWY_ALIGN BFloat16 pairs[2 * kLanes] = {};
        for (std::int64_t i = 0; i < rest; ++i) {
          pairs[2 * i] = even[whole * kLanes + i];
          pairs[2 * i + 1] = odd[whole * kLanes + i];
        }
        std::memcpy(to + whole * kLanes, pairs, sizeof(pairs));
      }
      to += vectors * kLanes;
    }
  }
};

#endif

}  // namespace filigree::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
