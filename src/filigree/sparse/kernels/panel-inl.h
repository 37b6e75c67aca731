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

// Columns cut into panels of at most `most` vectors of `lanes` elements, of as equal a width as vectors
// allow.
class Panels {
 public:
  Panels(std::int64_t columns, std::int64_t most, std::int64_t lanes = kLanes)
      : columns_(columns),
        lanes_(lanes),
        vectors_((columns + lanes - 1) / lanes),
        count_((vectors_ + most - 1) / most) {}

  std::int64_t count() const { return count_; }
  std::int64_t first(std::int64_t panel) const { return vectors_before(panel) * lanes_; }
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
  std::int64_t lanes_;
  std::int64_t vectors_;
  std::int64_t count_;
};

// Whole vectors in so many columns, 1 to `most`.
HWY_INLINE std::int64_t PanelVectors(std::int64_t columns, std::int64_t most, std::int64_t lanes = kLanes) {
  const std::int64_t vectors = columns / lanes;
  return vectors < 1 ? 1 : vectors < most ? vectors : most;
}

// Copies `rows` rows of `columns` elements, `stride` apart, to rows of `vectors` vectors; elements behind the
// last column become zero.
template <typename T>
HWY_NOINLINE void CopyPanel(const T* from, std::int64_t stride, std::int64_t rows, std::int64_t columns,
                            int vectors, T* to) {
  constexpr std::int64_t kAheadRows = 16;
  const hn::ScalableTag<T> d;
  constexpr auto kWidth = static_cast<int>(hn::MaxLanes(d));
  const std::int64_t whole = columns / kWidth;
  const auto tail = hn::FirstN(d, static_cast<std::size_t>(columns % kWidth));
  for (std::int64_t r = 0; r < rows; ++r) {
    const T* row = from + r * stride;
    for (std::int64_t v = 0; v < vectors * kWidth; v += kCacheLine / static_cast<int>(sizeof(T))) {
      __builtin_prefetch(row + kAheadRows * stride + v, 0, 2);
    }
    for (std::int64_t v = 0; v < whole; ++v) {
      hn::Store(hn::LoadU(d, row + v * kWidth), d, to + v * kWidth);
    }
    if (whole < vectors) hn::Store(hn::MaskedLoad(tail, d, row + whole * kWidth), d, to + whole * kWidth);
    to += vectors * kWidth;
  }
}

// Whether x lies as CopyPanel would put it, in one panel of at most so many columns: whole vectors, rows one
// behind the other. Then it need not be copied.
template <typename T>
HWY_INLINE bool IsPanel(const DsdTask<T>& task, std::int64_t most, std::int64_t lanes) {
  return task.x_stride == task.columns && task.columns % lanes == 0 && task.columns <= most &&
         task.columns <= task.panel_columns && reinterpret_cast<std::uintptr_t>(task.x) % kCacheLine == 0;
}

template <typename From, typename To>
HWY_INLINE void CopyRows(const From* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns,
                         To* to, std::int64_t to_stride) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      to[r * to_stride + c] = static_cast<To>(from[r * from_stride + c]);
    }
  }
}

}  // namespace filigree::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
