// What kernels over panels of columns share, once per target. A panel is a few vectors of columns of a
// row-major matrix, copied so that its rows lie one behind the other: rows of the matrix itself are often a
// power of two apart, where few of them fit into L1 at a time.
#if defined(FILIGREE_SPARSE_PANEL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FILIGREE_SPARSE_PANEL_INL_H_
#undef FILIGREE_SPARSE_PANEL_INL_H_
#else
#define FILIGREE_SPARSE_PANEL_INL_H_
#endif

#include "filigree/sparse/kernels/simd-inl.h"

#if !FILIGREE_SPARSE_PLAIN
HWY_BEFORE_NAMESPACE();
namespace filigree::sparse::kernels::HWY_NAMESPACE {

// Columns cut into panels of at most `most` vectors, of as equal a width as vectors allow.
class Panels {
 public:
  Panels(std::int64_t columns, std::int64_t most)
      : columns_(columns), vectors_((columns + kLanes - 1) / kLanes), count_((vectors_ + most - 1) / most) {}

  std::int64_t count() const { return count_; }
  std::int64_t first(std::int64_t panel) const { return vectors_before(panel) * kLanes; }
  int vectors(std::int64_t panel) const {
    return static_cast<int>(vectors_before(panel + 1) - vectors_before(panel));
  }
  std::int64_t columns(std::int64_t panel) const {
    const std::int64_t end = first(panel + 1);
    return (end < columns_ ? end : columns_) - first(panel);
  }

 private:
  std::int64_t vectors_before(std::int64_t panel) const {
    return panel >= count_ ? vectors_ : vectors_ * panel / count_;
  }

  std::int64_t columns_;
  std::int64_t vectors_;
  std::int64_t count_;
};

// Copies a panel, a few rows at a time between other work.
class PanelCopier {
 public:
  // `rows` rows of `columns` elements, `stride` apart, to rows of `vectors` vectors; elements behind the last
  // column become zero. step() is to be called about `steps` times.
  PanelCopier(const float* from, std::int64_t stride, std::int64_t rows, std::int64_t columns, int vectors,
              float* to, std::int64_t steps)
      : from_(from),
        to_(to),
        stride_(stride),
        left_(rows),
        whole_(columns / kLanes),
        tail_(columns % kLanes),
        width_(std::int64_t{vectors} * kLanes),
        per_step_(rows / (steps > 0 ? steps : 1) + 1) {}

  HWY_INLINE void step() {
    if (left_ > 0) copy(per_step_ < left_ ? per_step_ : left_);
  }
  HWY_INLINE void finish() { copy(left_); }

 private:
  // Not inlined: its state would take the registers of the multiply-adds around it.
  HWY_NOINLINE void copy(std::int64_t rows) {
    constexpr std::int64_t kAheadRows = 16;
    const Full d;
    left_ -= rows;
    for (; rows > 0; --rows) {
      __builtin_prefetch(from_ + kAheadRows * stride_, 0, 2);
      __builtin_prefetch(from_ + kAheadRows * stride_ + kCacheLine / 4, 0, 2);
      for (std::int64_t v = 0; v < whole_; ++v) {
        hn::Store(hn::LoadU(d, from_ + v * kLanes), d, to_ + v * kLanes);
      }
      if (tail_ > 0) {
        const auto mask = hn::FirstN(d, static_cast<std::size_t>(tail_));
        hn::Store(hn::MaskedLoad(mask, d, from_ + whole_ * kLanes), d, to_ + whole_ * kLanes);
      }
      from_ += stride_;
      to_ += width_;
    }
  }

  const float* from_;
  float* to_;
  std::int64_t stride_;
  std::int64_t left_;
  std::int64_t whole_;
  std::int64_t tail_;
  std::int64_t width_;
  std::int64_t per_step_;
};

HWY_INLINE void CopyRows(const float* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns,
                         float* to, std::int64_t to_stride) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) to[r * to_stride + c] = from[r * from_stride + c];
  }
}

}  // namespace filigree::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
