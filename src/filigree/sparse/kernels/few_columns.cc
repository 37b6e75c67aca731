// w x for few columns of x, which wait for weights from memory: vectors hold a block's inputs, so that
// weights are read in the order they lie in and none of a vector's lanes is empty, however few the columns.
// Of single elements they hold columns.
#include "filigree/base/simd.h"
#include "filigree/sparse/kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/sparse/kernels/few_columns.cc"
#include <hwy/foreach_target.h>
//
#include "filigree/sparse/kernels/narrow-inl.h"

HWY_BEFORE_NAMESPACE();
namespace filigree::sparse::kernels::HWY_NAMESPACE {
namespace {

#if FILIGREE_SPARSE_PLAIN

template <int kOut, int kIn>
void Few(const FewTask& task) {
  const std::int64_t width = kIn == 1 ? few_width(task.columns) : task.columns;
  for (std::int64_t g = task.first_group; g < task.last_group; ++g) {
    for (std::int64_t o = 0; o < kOut; ++o) {
      for (std::int64_t c = 0; c < task.columns; ++c) {
        // Several sums, of which each has fewer roundings.
        float sums[4] = {};
        for (std::int64_t q = task.blocks.offsets[g]; q < task.blocks.offsets[g + 1]; ++q) {
          const float* x = task.x + std::int64_t{task.blocks.others[q]} * kIn * width + c * kIn;
          for (std::int64_t i = 0; i < kIn; ++i) {
            sums[(q * kIn + i) % 4] += task.values[(q * kOut + o) * kIn + i] * x[i];
          }
        }
        const float sum = sums[0] + sums[1] + (sums[2] + sums[3]);
        float& y = task.y[(g * kOut + o) * task.y_row_stride + c * task.y_column_stride];
        y = sum + (task.bias != nullptr ? task.bias[g * kOut + o] : 0.0F) + (task.accumulate ? y : 0.0F);
      }
    }
  }
}

#else

// Weights of the blocks that are taken together: passes over rows and columns but the first find them in L2,
// where the weights of the next chunk are fetched meanwhile, in the order they lie in.
constexpr std::int64_t kChunkBytes = 32768;

// Where there is one pass, they are fetched into L1, and no further ahead.
constexpr std::int64_t kAheadBytes = 8192;

// What is fetched next, how many cache lines of it beside each block, and in how many passes more.
struct Fetch {
  const char* next;
  int lines;
  int passes;
  bool into_l1;
};

// Vectors of weights whose sums are in registers, times columns.
constexpr int kTile = 4;
constexpr int kMostColumns = kManyRegisters ? 4 : 2;

// The sums of each of `parts` equal parts of v.
template <int kParts>
HWY_INLINE void SumParts(FullVec v, float* to) {
  const Full d;
  if constexpr (kParts == 1) {
    *to = hn::GetLane(hn::SumOfLanes(d, v));
  } else {
    using Part = hn::FixedTag<float, kLanes / kParts>;
    HWY_ALIGN float all[kLanes];
    hn::Store(v, d, all);
    FILIGREE_UNROLL for (int p = 0; p < kParts; ++p) {
      const Part part;
      to[p] = hn::GetLane(hn::SumOfLanes(part, hn::Load(part, all + p * (kLanes / kParts))));
    }
  }
}

// kIn inputs, as often as a vector holds them, or a vector of them.
template <int kIn>
HWY_INLINE FullVec LoadInputs(const float* from) {
  const Full d;
  if constexpr (kIn >= kLanes) {
    return hn::LoadU(d, from);
  } else if constexpr (kIn == 4) {
    return hn::LoadDup128(d, from);
  } else {
    const hn::Half<Full> half;
    const auto inputs = hn::LoadU(half, from);
    return hn::Combine(d, inputs, inputs);
  }
}

// What a block is to this kernel: vectors of weights, of which a tile is kTile, of one block or several.
template <int kOut, int kIn>
struct Shape {
  static constexpr int kValues = kOut * kIn;
  // Rows in a vector, and vectors in a row.
  static constexpr int kRows = kIn >= kLanes ? 1 : kLanes / kIn;
  static constexpr int kVectors = kIn >= kLanes ? kIn / kLanes : 1;
  // Vectors of a block below each other, and blocks beside each other, in a tile.
  static constexpr int kBelow = kOut / kRows < kTile ? kOut / kRows : kTile;
  static constexpr int kBlocks = kTile / kBelow;
  static constexpr int kTileRows = kBelow * kRows;
};

// Adds the products of kTileRows rows, from `row` on, of the blocks [begin, end), to sums[column][row].
template <int kOut, int kIn, int kColumns>
HWY_INLINE void FewTile(const FewTask& task, std::int64_t row, std::int64_t begin, std::int64_t end,
                        std::int64_t column, Fetch& fetch, float (*sums)[kOut]) {
  using S = Shape<kOut, kIn>;
  const Full d;
  const char* next = fetch.next;
  const int lines = fetch.passes-- > 0 ? fetch.lines : 0;
  FullVec sum[kTile][kColumns];
  FILIGREE_UNROLL for (int t = 0; t < kTile; ++t) {
    FILIGREE_UNROLL for (int c = 0; c < kColumns; ++c) sum[t][c] = hn::Zero(d);
  }
  const std::int64_t width = kIn * task.columns;
  const float* const x = task.x + column * kIn;
  const auto add = [&](std::int64_t q, int beside) HWY_ATTR {
    const float* w = task.values + q * S::kValues + row * kIn;
    const float* input = x + task.blocks.others[q] * width;
    for (int i = 0; i < lines; ++i, next += kCacheLine) {
      fetch.into_l1 ? __builtin_prefetch(next, 0, 3) : __builtin_prefetch(next, 0, 2);
    }
    FILIGREE_UNROLL for (int v = 0; v < S::kVectors; ++v) {
      FullVec inputs[kColumns];
      FILIGREE_UNROLL for (int c = 0; c < kColumns; ++c) {
        inputs[c] = LoadInputs<kIn>(input + c * kIn + v * kLanes);
      }
      FILIGREE_UNROLL for (int t = 0; t < S::kBelow; ++t) {
        const FullVec weights = hn::LoadU(d, w + t * S::kRows * kIn + v * kLanes);
        FILIGREE_UNROLL for (int c = 0; c < kColumns; ++c) {
          FullVec& to = sum[beside * S::kBelow + t][c];
          to = hn::MulAdd(weights, inputs[c], to);
        }
      }
    }
  };
  std::int64_t q = begin;
  for (; q + S::kBlocks <= end; q += S::kBlocks) {
    FILIGREE_UNROLL for (int beside = 0; beside < S::kBlocks; ++beside) add(q + beside, beside);
  }
  for (; q < end; ++q) add(q, 0);
  fetch.next = next;
  FILIGREE_UNROLL for (int c = 0; c < kColumns; ++c) {
    float* const to = sums[column + c] + row;
    if constexpr (S::kBelow == 4 && S::kRows == 1) {
      const Quad quad;
      const QuadVec rows = AddQuads(SumQuads(sum[0][c], sum[1][c], sum[2][c], sum[3][c]));
      hn::StoreU(hn::Add(rows, hn::LoadU(quad, to)), quad, to);
    } else {
      FILIGREE_UNROLL for (int t = 0; t < S::kBelow; ++t) {
        FullVec total = sum[t][c];
        FILIGREE_UNROLL for (int beside = 1; beside < S::kBlocks; ++beside) {
          total = hn::Add(total, sum[beside * S::kBelow + t][c]);
        }
        float parts[S::kRows];
        SumParts<S::kRows>(total, parts);
        FILIGREE_UNROLL for (int r = 0; r < S::kRows; ++r) to[t * S::kRows + r] += parts[r];
      }
    }
  }
}

// All rows of the blocks [begin, end), which later columns and rows find in L2.
template <int kOut, int kIn, int kColumns>
HWY_INLINE void FewChunk(const FewTask& task, std::int64_t begin, std::int64_t end, std::int64_t column,
                         Fetch& fetch, float (*sums)[kOut]) {
  for (std::int64_t row = 0; row < kOut; row += Shape<kOut, kIn>::kTileRows) {
    FewTile<kOut, kIn, kColumns>(task, row, begin, end, column, fetch, sums);
  }
}

template <int kOut, int kIn>
void StoreFew(const FewTask& task, std::int64_t g, const float (*sums)[kOut]) {
  for (int r = 0; r < kOut; ++r) {
    const float bias = task.bias != nullptr ? task.bias[g * kOut + r] : 0.0F;
    float* const y = task.y + (g * kOut + r) * task.y_row_stride;
    for (std::int64_t c = 0; c < task.columns; ++c) {
      float& place = y[c * task.y_column_stride];
      place = sums[c][r] + bias + (task.accumulate ? place : 0.0F);
    }
  }
}

template <int kOut, int kIn>
void Few(const FewTask& task) {
  constexpr std::int64_t kBlockBytes = kOut * kIn * sizeof(float);
  constexpr std::int64_t kChunk = kChunkBytes < kBlockBytes ? 1 : kChunkBytes / kBlockBytes;
  constexpr int kBlockLines = static_cast<int>(kBlockBytes) / kCacheLine;
  constexpr int kTiles = kOut / Shape<kOut, kIn>::kTileRows;
  const int passes = kTiles * ((static_cast<int>(task.columns) + kMostColumns - 1) / kMostColumns);
  const int lines = (kBlockLines + passes - 1) / passes;
  for (std::int64_t g = task.first_group; g < task.last_group; ++g) {
    float sums[kFewColumns][kOut] = {};
    const std::int64_t last = task.blocks.offsets[g + 1];
    for (std::int64_t begin = task.blocks.offsets[g]; begin < last; begin += kChunk) {
      const std::int64_t end = begin + kChunk < last ? begin + kChunk : last;
      std::int64_t column = 0;
      const char* const weights = reinterpret_cast<const char*>(task.values + begin * kOut * kIn);
      Fetch fetch{weights + (passes == 1 ? kAheadBytes : kChunkBytes), lines, kBlockLines / lines,
                  passes == 1};
      for (; column + kMostColumns <= task.columns; column += kMostColumns) {
        FewChunk<kOut, kIn, kMostColumns>(task, begin, end, column, fetch, sums);
      }
      if constexpr (kMostColumns == 4) {
        if (column + 2 <= task.columns) {
          FewChunk<kOut, kIn, 2>(task, begin, end, column, fetch, sums);
          column += 2;
        }
      }
      if (column < task.columns) FewChunk<kOut, kIn, 1>(task, begin, end, column, fetch, sums);
    }
    StoreFew<kOut, kIn>(task, g, sums);
  }
}

// Single elements: a vector holds an input's columns.
template <class D>
HWY_INLINE void FewElements(const FewTask& task) {
  constexpr int kChains = 4;
  const D d;
  constexpr auto kWidth = static_cast<std::int64_t>(hn::MaxLanes(D()));
  for (std::int64_t g = task.first_group; g < task.last_group; ++g) {
    hn::Vec<D> sum[kChains];
    FILIGREE_UNROLL for (int c = 0; c < kChains; ++c) sum[c] = hn::Zero(d);
    std::int64_t q = task.blocks.offsets[g];
    const std::int64_t end = task.blocks.offsets[g + 1];
    const auto add = [&](std::int64_t at, int chain) HWY_ATTR {
      const auto input = hn::Load(d, task.x + std::int64_t{task.blocks.others[at]} * kWidth);
      sum[chain] = hn::MulAdd(hn::Set(d, task.values[at]), input, sum[chain]);
    };
    for (; q + kChains <= end; q += kChains) {
      FILIGREE_UNROLL for (int c = 0; c < kChains; ++c) add(q + c, c);
    }
    for (; q < end; ++q) add(q, 0);
    HWY_ALIGN float sums[kFewColumns][1];
    hn::Store(hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3])), d, sums[0]);
    StoreFew<1, 1>(task, g, sums);
  }
}

template <>
void Few<1, 1>(const FewTask& task) {
  switch (few_width(task.columns)) {
    case 1: FewElements<hn::FixedTag<float, 1> >(task); return;
    case 4: FewElements<hn::FixedTag<float, 4> >(task); return;
    default: FewElements<hn::FixedTag<float, 8> >(task); return;
  }
}

#endif

void Few1(const FewTask& task) { Few<1, 1>(task); }
void Few4(const FewTask& task) { Few<4, 4>(task); }
void Few8(const FewTask& task) { Few<8, 8>(task); }
void Few16(const FewTask& task) { Few<16, 16>(task); }
void Few32(const FewTask& task) { Few<32, 32>(task); }
void Few64(const FewTask& task) { Few<64, 64>(task); }

}  // namespace
}  // namespace filigree::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace filigree::sparse::kernels {
namespace {

HWY_EXPORT(Few1);
HWY_EXPORT(Few4);
HWY_EXPORT(Few8);
HWY_EXPORT(Few16);
HWY_EXPORT(Few32);
HWY_EXPORT(Few64);

}  // namespace

FewKernel few_kernel(BlockShape block) {
  if (!block.square()) return nullptr;
  switch (block.rows) {
    case 1: return FILIGREE_SIMD(Few1);
    case 4: return FILIGREE_SIMD(Few4);
    case 8: return FILIGREE_SIMD(Few8);
    case 16: return FILIGREE_SIMD(Few16);
    case 32: return FILIGREE_SIMD(Few32);
    case 64: return FILIGREE_SIMD(Few64);
    default: return nullptr;
  }
}

}  // namespace filigree::sparse::kernels
#endif
