// Rows of a softmax, once per target. Include after <hwy/highway.h> in a file that foreach_target.h
// compiles.
#if defined(FILIGREE_DENSE_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FILIGREE_DENSE_SOFTMAX_INL_H_
#undef FILIGREE_DENSE_SOFTMAX_INL_H_
#else
#define FILIGREE_DENSE_SOFTMAX_INL_H_
#endif

#include "filigree/dense/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace filigree::dense::HWY_NAMESPACE {

template <typename T>
HWY_INLINE T RowMax(const T* x, std::int64_t n) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  auto best = hn::Set(d, x[0]);
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) best = hn::Max(best, hn::LoadU(d, x + i));
  T top = hn::GetLane(hn::MaxOfLanes(d, best));
  for (; i < n; ++i) top = x[i] > top ? x[i] : top;
  return top;
}

// x <- exp(scale * (x - max)), gives their sum. n > 0.
template <typename T>
HWY_INLINE T ExpRow(T* x, std::int64_t n, T scale, T max) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto scale_v = hn::Set(d, scale);
  const auto max_v = hn::Set(d, max);
  auto total = hn::Zero(d);
  for (std::int64_t i = 0; i < n; i += lanes) {
    auto e = ExpOf(d, hn::Mul(hn::Sub(LoadPart(d, x + i, n - i), max_v), scale_v));
    StorePart(e, d, x + i, n - i);
    if (n - i < lanes) e = hn::IfThenElseZero(hn::FirstN(d, static_cast<std::size_t>(n - i)), e);
    total = hn::Add(total, e);
  }
  return Sum(d, total);
}

template <typename T>
HWY_INLINE void ScaleRow(T* x, std::int64_t n, T factor) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto factor_v = hn::Set(d, factor);
  for (std::int64_t i = 0; i < n; i += lanes) {
    StorePart(hn::Mul(LoadPart(d, x + i, n - i), factor_v), d, x + i, n - i);
  }
}

}  // namespace filigree::dense::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
