// What the SIMD kernels of this module share, once per target: partial vectors and sums. Include after
// <hwy/highway.h> in a file that foreach_target.h compiles.
#if defined(FILIGREE_DENSE_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FILIGREE_DENSE_SIMD_INL_H_
#undef FILIGREE_DENSE_SIMD_INL_H_
#else
#define FILIGREE_DENSE_SIMD_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace filigree::dense::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Loads min(N, remaining) lanes; the others are zero.
template <class D, typename T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> LoadPart(D d, const T* p, std::int64_t remaining) {
  if (HWY_LIKELY(remaining >= static_cast<std::int64_t>(hn::Lanes(d)))) return hn::LoadU(d, p);
#if HWY_MEM_OPS_MIGHT_FAULT
  // Highway's word for targets where a masked load is a whole, aligned load and a blend. None of those that
  // are built with Highway 1.0.3 comes here: the portable one has a single lane.
  HWY_ALIGN T lanes[HWY_MAX_BYTES / sizeof(T)] = {};
  for (std::int64_t i = 0; i < remaining; ++i) lanes[i] = p[i];
  return hn::Load(d, lanes);
#else
  return hn::MaskedLoad(hn::FirstN(d, static_cast<std::size_t>(remaining)), d, p);
#endif
}

template <class D, typename T = hn::TFromD<D>>
HWY_INLINE void StorePart(hn::Vec<D> v, D d, T* p, std::int64_t remaining) {
  if (HWY_LIKELY(remaining >= static_cast<std::int64_t>(hn::Lanes(d)))) {
    hn::StoreU(v, d, p);
  } else {
    hn::BlendedStore(v, hn::FirstN(d, static_cast<std::size_t>(remaining)), d, p);
  }
}

template <class D>
HWY_INLINE hn::TFromD<D> Sum(D d, hn::Vec<D> v) {
  return hn::GetLane(hn::SumOfLanes(d, v));
}

}  // namespace filigree::dense::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
