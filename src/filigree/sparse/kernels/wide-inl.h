// What the kernels for blocks of 8 and 16 share, once per target: vectors as long as a block's side, and the
// copying of activations for dds.
//
// There, activations are copied into [group][token][block] before they are multiplied. Token-major rows are
// often a power of two apart, where the lines that a block needs at a time fall into one set of L1 and drive
// each other out. Copying costs 5 to 10 cycles a cache line where it waits for caches, and next to nothing
// between multiply-adds: the next copy is made while the current one is used.
#if defined(FILIGREE_SPARSE_WIDE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FILIGREE_SPARSE_WIDE_INL_H_
#undef FILIGREE_SPARSE_WIDE_INL_H_
#else
#define FILIGREE_SPARSE_WIDE_INL_H_
#endif

#include "filigree/sparse/kernels/simd-inl.h"

#if !FILIGREE_SPARSE_PLAIN
HWY_BEFORE_NAMESPACE();
namespace filigree::sparse::kernels::HWY_NAMESPACE {

// At most a block's side: blocks of 8 take 256-bit vectors on AVX-512 too.
template <int kBlock>
using Side = hn::CappedTag<float, kBlock>;
template <int kBlock>
constexpr int kSideLanes = static_cast<int>(hn::MaxLanes(Side<kBlock>()));
template <int kBlock>
constexpr int kSideVectors = kBlock / kSideLanes<kBlock>;

// Copies rows of activations into [group][rows_of_a_group][block], a few blocks of a row at a time.
template <int kBlock>
class Copier {
 public:
  // `count` rows of `columns` from `rows`, `group_rows` rows for each group in `to`. step() is to be called
  // about `steps` times. Lines `ahead` elements behind those that are copied are fetched into L2.
  Copier(const float* rows, std::int64_t stride, std::int64_t columns, std::int64_t count, float* to,
         std::int64_t group_rows, std::int64_t steps, std::int64_t ahead)
      : from_(rows),
        to_(to),
        stride_(stride),
        count_(count),
        row_(count),
        next_column_(kBlock - count * stride),
        next_column_to_((group_rows - count) * kBlock),
        ahead_(ahead),
        left_(count * (columns / kBlock)),
        per_step_(left_ / (steps > 0 ? steps : 1) + 1) {}

  HWY_INLINE void step() { copy(per_step_ < left_ ? per_step_ : left_); }
  HWY_INLINE void finish() { copy(left_); }

 private:
  HWY_INLINE void copy(std::int64_t blocks) {
    const Side<kBlock> d;
    left_ -= blocks;
    for (; blocks > 0; --blocks) {
      __builtin_prefetch(from_ + ahead_, 0, 2);
      FILIGREE_UNROLL for (int v = 0; v < kSideVectors<kBlock>; ++v) {
        hn::Store(hn::LoadU(d, from_ + v * kSideLanes<kBlock>), d, to_ + v * kSideLanes<kBlock>);
      }
      from_ += stride_;
      to_ += kBlock;
      if (--row_ == 0) {
        row_ = count_;
        from_ += next_column_;
        to_ += next_column_to_;
      }
    }
  }

  const float* from_;
  float* to_;
  std::int64_t stride_;
  std::int64_t count_;
  std::int64_t row_;
  std::int64_t next_column_;
  std::int64_t next_column_to_;
  std::int64_t ahead_;
  std::int64_t left_;
  std::int64_t per_step_;
};

}  // namespace filigree::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
