// What the kernels for blocks of 1 and 4 share, once per target (transposed squares serve others too). A
// vector holds the block's inputs (1 or 4) of as many tokens as fit, so activations are copied into
// [group][token][block]; for blocks of 1 that is a transposition.
#if defined(FILIGREE_SPARSE_NARROW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FILIGREE_SPARSE_NARROW_INL_H_
#undef FILIGREE_SPARSE_NARROW_INL_H_
#else
#define FILIGREE_SPARSE_NARROW_INL_H_
#endif

#include "filigree/sparse/kernels/simd-inl.h"

#if !FILIGREE_SPARSE_PLAIN
HWY_BEFORE_NAMESPACE();
namespace filigree::sparse::kernels::HWY_NAMESPACE {

using Quad = hn::FixedTag<float, 4>;
using QuadVec = hn::Vec<Quad>;

// Within each 128-bit part, the 4 x 4 matrix whose rows are a, b, c, d.
template <class V>
HWY_INLINE void TransposeQuads(V& a, V& b, V& c, V& d) {
  const hn::DFromV<V> tag;
  const V ac_low = hn::InterleaveLower(tag, a, c);
  const V ac_high = hn::InterleaveUpper(tag, a, c);
  const V bd_low = hn::InterleaveLower(tag, b, d);
  const V bd_high = hn::InterleaveUpper(tag, b, d);
  a = hn::InterleaveLower(tag, ac_low, bd_low);
  b = hn::InterleaveUpper(tag, ac_low, bd_low);
  c = hn::InterleaveLower(tag, ac_high, bd_high);
  d = hn::InterleaveUpper(tag, ac_high, bd_high);
}

// Within each 128-bit part: the sums of a's, b's, c's and d's four lanes.
template <class V>
HWY_INLINE V SumQuads(V a, V b, V c, V d) {
  TransposeQuads(a, b, c, d);
  return hn::Add(hn::Add(a, b), hn::Add(c, d));
}

// 128-bit parts of rows a step apart, as one vector of 8 or 16 lanes.
template <class D>
HWY_INLINE hn::Vec<D> LoadQuads(D d, const float* from, std::int64_t step) {
  const Quad quad;
  if constexpr (hn::MaxLanes(d) == 16) {
    const hn::Half<D> half;
    return hn::Combine(d, LoadQuads(half, from + 2 * step, step), LoadQuads(half, from, step));
  } else {
    return hn::Combine(d, hn::LoadU(quad, from + step), hn::LoadU(quad, from));
  }
}

// The 128-bit parts of v.
struct Quads {
  QuadVec part[kLanes / 4];
};
HWY_INLINE Quads SplitQuads(FullVec v) {
  const Quad quad;
#if HWY_TARGET <= HWY_AVX3
  const hn::Half<Full> half;
  const auto low = hn::LowerHalf(half, v);
  const auto high = hn::UpperHalf(half, v);
  return {{hn::LowerHalf(quad, low), hn::UpperHalf(quad, low), hn::LowerHalf(quad, high),
           hn::UpperHalf(quad, high)}};
#else
  return {{hn::LowerHalf(quad, v), hn::UpperHalf(quad, v)}};
#endif
}

// The sum of the 128-bit parts.
HWY_INLINE QuadVec AddQuads(FullVec v) {
  const Quads quads = SplitQuads(v);
  QuadVec sum = quads.part[0];
  FILIGREE_UNROLL for (int i = 1; i < kLanes / 4; ++i) sum = hn::Add(sum, quads.part[i]);
  return sum;
}

// A square of as many rows and columns as D has lanes, transposed; added to what is there where kAdd.
template <class D, bool kAdd>
HWY_INLINE void TransposeSquare(const float* from, std::int64_t from_stride, float* to,
                                std::int64_t to_stride) {
  const D d;
  constexpr int kSide = static_cast<int>(hn::MaxLanes(D()));
  FILIGREE_UNROLL for (int c = 0; c < kSide; c += 4) {
    hn::Vec<D> row[4];
    FILIGREE_UNROLL for (int i = 0; i < 4; ++i) row[i] =
        LoadQuads(d, from + i * from_stride + c, 4 * from_stride);
    TransposeQuads(row[0], row[1], row[2], row[3]);
    FILIGREE_UNROLL for (int i = 0; i < 4; ++i) {
      float* place = to + (c + i) * to_stride;
      hn::StoreU(kAdd ? hn::Add(row[i], hn::LoadU(d, place)) : row[i], d, place);
    }
  }
}

// to[c][r] = from[r][c], or plus that where kAdd, in whole squares and a plain rest.
template <bool kAdd>
HWY_INLINE void Transpose(const float* from, std::int64_t from_stride, std::int64_t rows,
                          std::int64_t columns, float* to, std::int64_t to_stride) {
  std::int64_t r = 0;
  for (; r + kLanes <= rows; r += kLanes) {
    std::int64_t c = 0;
    for (; c + kLanes <= columns; c += kLanes) {
      TransposeSquare<Full, kAdd>(from + r * from_stride + c, from_stride, to + c * to_stride + r, to_stride);
    }
    for (; c < columns; ++c) {
      for (std::int64_t i = r; i < r + kLanes; ++i) {
        to[c * to_stride + i] = (kAdd ? to[c * to_stride + i] : 0.0F) + from[i * from_stride + c];
      }
    }
  }
  for (; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      to[c * to_stride + r] = (kAdd ? to[c * to_stride + r] : 0.0F) + from[r * from_stride + c];
    }
  }
}

// The rows of `from`, as [group][padded][block]; rows behind the last are zero up to a whole vector.
// padded: a multiple of the tokens that a vector holds, at least `tokens`.
template <int kBlock>
HWY_INLINE void CopyGroups(const float* from, std::int64_t stride, std::int64_t columns, std::int64_t tokens,
                           std::int64_t padded, float* to) {
  constexpr std::int64_t kVectorTokens = kLanes / kBlock;
  if constexpr (kBlock == 1) {
    Transpose<false>(from, stride, tokens, columns, to, padded);
  } else {
    const Quad quad;
    constexpr std::int64_t kStrip = 16;
    for (std::int64_t first = 0; first < columns; first += kStrip) {
      const std::int64_t last = first + kStrip < columns ? first + kStrip : columns;
      for (std::int64_t t = 0; t < tokens; ++t) {
        for (std::int64_t c = first; c < last; c += kBlock) {
          hn::Store(hn::LoadU(quad, from + t * stride + c), quad, to + c * padded + t * kBlock);
        }
      }
    }
  }
  const std::int64_t whole = (tokens + kVectorTokens - 1) / kVectorTokens * kVectorTokens;
  if (whole == tokens) return;
  for (std::int64_t c = 0; c < columns; c += kBlock) {
    for (std::int64_t i = tokens * kBlock; i < whole * kBlock; ++i) to[c * padded + i] = 0.0F;
  }
}

}  // namespace filigree::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
