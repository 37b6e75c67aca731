// dsd for blocks of 2 and more. Vectors hold columns of x and y; weights are broadcast, so that their order
// within a block does not matter and the transposed product needs no transposed copy.
#include <type_traits>

#include "filigree/base/simd.h"
#include "filigree/sparse/kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/sparse/kernels/dsd.cc"
#include <hwy/foreach_target.h>
//
#include "filigree/sparse/kernels/lane-inl.h"
#include "filigree/sparse/kernels/panel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace filigree::sparse::kernels::HWY_NAMESPACE {
namespace {

#if FILIGREE_SPARSE_PLAIN

template <int kBlock, typename T>
void SingleDsd(const DsdTask<T>& task) {
  plain_dsd<T>(kBlock)(task);
}

#else

// Vectors of columns at a time, and rows of y for so many vectors: as many sums as registers hold beside the
// vectors of x (and, on AVX2, a broadcast weight).
template <int kBlock>
constexpr int kPanelVectors = kManyRegisters ? (kBlock == 2   ? 6
                                                : kBlock == 4 ? 4
                                                              : 3)
                                             : (kBlock == 2    ? 4
                                                : kBlock >= 16 ? 2
                                                               : 3);
template <int kBlock, int kVectors>
constexpr int kTileRows = kBlock <= 4      ? kBlock
                          : kManyRegisters ? (kVectors > 1 || kBlock == 8 ? 8 : 16)
                          : kVectors == 3  ? 4
                          : kVectors == 2  ? (kBlock < 16 ? 4 : 6)
                                           : 8;

// Bytes of weights of the blocks that several tiles of rows take in turn: their weights and their rows of x
// stay in L1 meanwhile.
constexpr std::int64_t kChunkBytes = 8192;

// How many blocks ahead weights are fetched into L1, and rows of x, which the hardware finds by itself where
// a block has many.
template <int kBlock>
constexpr std::int64_t kAheadWeights = kBlock <= 4    ? 16
                                       : kBlock <= 16 ? 8
                                                      : 1;
template <int kBlock>
constexpr std::int64_t kAheadInputs = kBlock >= 16 ? 0 : 2;
// Inputs of a block in one straight run of instructions.
template <int kBlock>
constexpr int kUnrolledInputs = kBlock < 16 ? kBlock : 16;

// What is multiplied at a time: all groups of a task, with some of the rows of x.
template <class L>
struct Part {
  const DsdTask<typename L::Element>& task;
  // Where row 0 of the copy of x would be.
  const typename L::Sum* x;
  // Blocks whose other group is below this one...
  std::int32_t limit;
  // ...and of these the first in each group, at which sums begin.
  bool first;
  bool last;
  // The last block of all groups.
  std::int64_t last_block;
};

// Where a panel of y begins, and what its rows are.
template <typename T>
struct Output {
  T* data;
  std::int64_t stride;
};

template <int kBytes>
HWY_INLINE void FetchLines(const void* from) {
  const char* line = static_cast<const char*>(from);
  FILIGREE_UNROLL for (int i = 0; i < kBytes; i += kCacheLine) __builtin_prefetch(line + i, 0, 3);
}

// kRows rows, from `row` on, of the products of the blocks [begin, end): y += w x.
template <class L, int kBlock, int kVectors, int kRows, bool kTransposed, typename Out>
HWY_INLINE void Tile(const Part<L>& part, std::int64_t row, std::int64_t begin, std::int64_t end,
                     Output<Out> y, bool zero, const typename L::Element* bias) {
  using Element = typename L::Element;
  using Sum = typename L::Sum;
  const typename L::Tag d;
  const DsdTask<Element>& task = part.task;
  constexpr int kLanes = L::kLanes;
  constexpr int kWidth = kVectors * kLanes;
  constexpr int kSteps = kBlock / L::kInputs;
  constexpr int kUnrolled = kUnrolledInputs<kBlock> / L::kInputs;
  typename L::Vec sum[kRows][kVectors];
  FILIGREE_UNROLL for (int r = 0; r < kRows; ++r) {
    FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = zero ? hn::Zero(d) : LoadSums(y.data + (row + r) * y.stride + v * kLanes);
    }
  }
  if (bias != nullptr) {
    FILIGREE_UNROLL for (int r = 0; r < kRows; ++r) {
      const auto start = hn::Set(d, static_cast<Sum>(bias[row + r]));
      FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Add(start, sum[r][v]);
    }
  }
  constexpr int kPerRow = kTransposed ? L::kInputs : kBlock;
  constexpr int kPerStep = kTransposed ? kBlock * L::kInputs : L::kInputs;
  constexpr int kValues = kBlock * kBlock;
  for (std::int64_t q = begin; q < end; ++q) {
    const Element* w = task.values + task.blocks.position(q) * kValues + row * kPerRow;
    const Sum* x = part.x + std::int64_t{task.blocks.others[q]} * (kSteps * kWidth);
    {
      // Each tile of a block fetches its share of another's weights.
      constexpr int kBytes = kValues * static_cast<int>(sizeof(Element)) * kRows / kBlock;
      const std::int64_t ahead =
          q + kAheadWeights<kBlock> < part.last_block ? q + kAheadWeights<kBlock> : part.last_block;
      FetchLines<kBytes>(task.values + task.blocks.position(ahead) * kValues + row * kBlock);
    }
    constexpr std::int64_t kAheadX = kAheadInputs<kBlock>;
    if (kAheadX != 0 && row == 0) {
      const std::int64_t ahead = q + kAheadX < part.last_block ? q + kAheadX : part.last_block;
      constexpr int kBytes = kSteps * kWidth * static_cast<int>(sizeof(Sum));
      FetchLines<kBytes>(part.x + std::int64_t{task.blocks.others[ahead]} * (kSteps * kWidth));
    }
    for (int first = 0; first < kSteps;
         first += kUnrolled, w += kUnrolled * kPerStep, x += kUnrolled * kWidth) {
      FILIGREE_UNROLL for (int i = 0; i < kUnrolled; ++i) {
        typename L::Vec input[kVectors];
        FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
          input[v] = hn::Load(d, x + i * kWidth + v * kLanes);
        }
        FILIGREE_UNROLL for (int r = 0; r < kRows; ++r) {
          const auto weight = L::Broadcast(w + r * kPerRow + i * kPerStep);
          FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
            sum[r][v] = L::MulAdd(weight, input[v], sum[r][v]);
          }
        }
      }
    }
  }
  FILIGREE_UNROLL for (int r = 0; r < kRows; ++r) {
    FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
      StoreSums(sum[r][v], y.data + (row + r) * y.stride + v * kLanes);
    }
  }
}

// All rows of a group, tile by tile.
template <class L, int kBlock, int kVectors, bool kTransposed, typename Out>
HWY_INLINE void Tiles(const Part<L>& part, std::int64_t begin, std::int64_t end, Output<Out> y, bool zero,
                      const typename L::Element* bias) {
  constexpr int kRows = kTileRows<kBlock, kVectors>;
  constexpr int kRest = kBlock % kRows;
  for (std::int64_t row = 0; row + kRows <= kBlock; row += kRows) {
    Tile<L, kBlock, kVectors, kRows, kTransposed>(part, row, begin, end, y, zero, bias);
  }
  if constexpr (kRest != 0) {
    Tile<L, kBlock, kVectors, kRest, kTransposed>(part, kBlock - kRest, begin, end, y, zero, bias);
  }
}

// The blocks [begin, end) of group g.
template <class L, int kBlock, int kVectors, bool kTransposed, typename Out>
HWY_INLINE void Group(const Part<L>& part, std::int64_t g, std::int64_t begin, std::int64_t end,
                      Output<Out> y) {
  using Element = typename L::Element;
  constexpr bool kOneTile = kTileRows<kBlock, kVectors> >= kBlock;
  constexpr std::int64_t kBlockBytes = kBlock * kBlock * sizeof(Element);
  // Few columns wait for weights from memory, which come fastest one after another.
  constexpr bool kStream = kVectors == 1 && !kManyRegisters;
  constexpr std::int64_t kChunk = kStream || kChunkBytes < kBlockBytes ? 1 : kChunkBytes / kBlockBytes;
  const DsdTask<Element>& task = part.task;
  const Element* bias = part.first && task.bias != nullptr ? task.bias + g * kBlock : nullptr;
  bool zero = part.first && !task.accumulate;
  do {
    // Sums are kept in full between chunks: not where y is stored in fewer bits.
    const bool whole = kOneTile || sizeof(Out) < sizeof(typename L::Sum) || begin + kChunk + kChunk / 2 > end;
    const std::int64_t stop = whole ? end : begin + kChunk;
    Tiles<L, kBlock, kVectors, kTransposed>(part, begin, stop, y, zero, bias);
    begin = stop;
    zero = false;
    bias = nullptr;
  } while (begin < end);
}

// Complete sums become results; where those are stored in fewer bits, their panel is.
template <typename T, typename Out>
HWY_INLINE void Activate(const DsdTask<T>& task, std::int64_t rows, std::int64_t columns, std::int64_t stride,
                         Out* y) {
  if constexpr (std::is_same_v<Out, SumOf<T> >) {
    if (task.activation == nullptr) return;
    for (std::int64_t r = 0; r < rows; ++r) task.activation(y + r * stride, columns);
  }
}

// One panel of columns; y begins at its first column.
template <class L, int kBlock, int kVectors, bool kTransposed, typename Out>
void Panel(const Part<L>& part, Output<Out> y, std::int64_t columns) {
  constexpr std::int64_t kWidth = kVectors * L::kLanes;
  constexpr std::int64_t kLine = kCacheLine / static_cast<std::int64_t>(sizeof(Out));
  HWY_ALIGN Out padded[kBlock * kWidth] = {};
  const DsdTask<typename L::Element>& task = part.task;
  for (std::int64_t g = task.first_group; g < task.last_group; ++g) {
    const std::int64_t begin = part.first ? task.blocks.offsets[g] : task.cursors[g];
    std::int64_t end = task.blocks.offsets[g + 1];
    if (!part.last) {
      end = begin;
      while (end < task.blocks.offsets[g + 1] && task.blocks.others[end] < part.limit) ++end;
      task.cursors[g] = static_cast<std::int32_t>(end);
    }
    Out* rows = y.data + g * kBlock * y.stride;
    if (begin == end && !part.first) {
      if (part.last) Activate(task, kBlock, columns, y.stride, rows);
      continue;
    }
    if (g + 1 < task.last_group) {
      for (std::int64_t r = kBlock; r < 2 * kBlock; ++r) {
        FILIGREE_UNROLL for (std::int64_t c = 0; c < kWidth; c += kLine) {
          __builtin_prefetch(rows + r * y.stride + c, 1, 3);
        }
      }
    }
    if (columns == kWidth) {
      Group<L, kBlock, kVectors, kTransposed, Out>(part, g, begin, end, {rows, y.stride});
      if (part.last) Activate(task, kBlock, columns, y.stride, rows);
      continue;
    }
    // Vectors that end behind the last column go through memory of our own.
    if (task.accumulate || !part.first) CopyRows(rows, y.stride, kBlock, columns, padded, kWidth);
    Group<L, kBlock, kVectors, kTransposed, Out>(part, g, begin, end, {padded, kWidth});
    CopyRows(padded, kWidth, kBlock, columns, rows, y.stride);
    if (part.last) Activate(task, kBlock, columns, y.stride, rows);
  }
}

template <class L, int kBlock, int kVectors, typename Out>
void AnyPanel(int vectors, const Part<L>& part, Output<Out> y, std::int64_t columns) {
  if constexpr (kVectors > 1) {
    if (vectors < kVectors) {
      AnyPanel<L, kBlock, kVectors - 1>(vectors, part, y, columns);
      return;
    }
  }
  if (part.task.transposed) {
    Panel<L, kBlock, kVectors, true>(part, y, columns);
  } else {
    Panel<L, kBlock, kVectors, false>(part, y, columns);
  }
}

template <class L, int kBlock>
void Dsd(const DsdTask<typename L::Element>& task) {
  using Element = typename L::Element;
  using Sum = typename L::Sum;
  const Panels panels(task.columns, PanelVectors(task.panel_columns, kPanelVectors<kBlock>, L::kLanes),
                      L::kLanes);
  const std::int64_t last_block = task.blocks.offsets[task.last_group] - 1;
  const std::int64_t inputs = task.x_rows / kBlock;
  auto* const x = reinterpret_cast<Sum*>(task.scratch);
  for (std::int64_t p = 0; p < panels.count(); ++p) {
    // The copy of a panel must stay in the cache; where x has too many rows for that, some of them at a time.
    const std::int64_t width = std::int64_t{panels.vectors(p)} * L::kLanes;
    const std::int64_t most =
        task.cache_bytes / (width * kBlock * static_cast<std::int64_t>(sizeof(Element)));
    const std::int64_t parts = most < 1 ? inputs : (inputs + most - 1) / most;
    Element* const y = task.y + panels.first(p);
    for (std::int64_t i = 0; i < parts; ++i) {
      const std::int64_t first = inputs * i / parts;
      const std::int64_t end = inputs * (i + 1) / parts;
      L::CopyPanel(task.x + first * kBlock * task.x_stride + panels.first(p), task.x_stride,
                   (end - first) * kBlock, panels.columns(p), panels.vectors(p), x);
      const Part<L> part{task,
                         x - first * (kBlock / L::kInputs) * width,
                         static_cast<std::int32_t>(end),
                         i == 0,
                         i + 1 == parts,
                         last_block};
      if constexpr (std::is_same_v<Element, Sum>) {
        AnyPanel<L, kBlock, kPanelVectors<kBlock> >(panels.vectors(p), part,
                                                    Output<Element>{y, task.y_stride}, panels.columns(p));
      } else if (parts == 1 && task.activation == nullptr) {
        AnyPanel<L, kBlock, kPanelVectors<kBlock> >(panels.vectors(p), part,
                                                    Output<Element>{y, task.y_stride}, panels.columns(p));
      } else {
        // Sums are rounded once, at their end.
        const Output<float> sums{task.sums - task.first_group * kBlock * width, width};
        const std::int64_t first_row = task.first_group * kBlock;
        const std::int64_t rows = (task.last_group - task.first_group) * kBlock;
        if (part.first && task.accumulate) {
          CopyRows(y + first_row * task.y_stride, task.y_stride, rows, panels.columns(p), task.sums, width);
        }
        AnyPanel<L, kBlock, kPanelVectors<kBlock> >(panels.vectors(p), part, sums, width);
        if (part.last) {
          CopyRows(task.sums, width, rows, panels.columns(p), y + first_row * task.y_stride, task.y_stride);
        }
      }
    }
  }
}

template <int kBlock, typename T>
void SingleDsd(const DsdTask<T>& task) {
  Dsd<SingleLane<T>, kBlock>(task);
}

#endif

#if FILIGREE_SPARSE_BF16
template <int kBlock>
void PairDsd(const DsdTask<BFloat16>& task) {
  Dsd<BFloat16Lane, kBlock>(task);
}
#else
// The table has no kernel for pairs where there is no instruction for them.
template <int kBlock>
void PairDsd(const DsdTask<BFloat16>&) {}
#endif

void Dsd2(const DsdTask<float>& task) { SingleDsd<2>(task); }
void Dsd4(const DsdTask<float>& task) { SingleDsd<4>(task); }
void Dsd8(const DsdTask<float>& task) { SingleDsd<8>(task); }
void Dsd16(const DsdTask<float>& task) { SingleDsd<16>(task); }
void Dsd32(const DsdTask<float>& task) { SingleDsd<32>(task); }
void Dsd64(const DsdTask<float>& task) { SingleDsd<64>(task); }
void DoubleDsd2(const DsdTask<double>& task) { SingleDsd<2>(task); }
void DoubleDsd4(const DsdTask<double>& task) { SingleDsd<4>(task); }
void DoubleDsd8(const DsdTask<double>& task) { SingleDsd<8>(task); }
void DoubleDsd16(const DsdTask<double>& task) { SingleDsd<16>(task); }
void DoubleDsd32(const DsdTask<double>& task) { SingleDsd<32>(task); }
void DoubleDsd64(const DsdTask<double>& task) { SingleDsd<64>(task); }
void PairDsd2(const DsdTask<BFloat16>& task) { PairDsd<2>(task); }
void PairDsd4(const DsdTask<BFloat16>& task) { PairDsd<4>(task); }
void PairDsd8(const DsdTask<BFloat16>& task) { PairDsd<8>(task); }
void PairDsd16(const DsdTask<BFloat16>& task) { PairDsd<16>(task); }
void PairDsd32(const DsdTask<BFloat16>& task) { PairDsd<32>(task); }
void PairDsd64(const DsdTask<BFloat16>& task) { PairDsd<64>(task); }

}  // namespace
}  // namespace filigree::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace filigree::sparse::kernels {
namespace {

HWY_EXPORT(Dsd2);
HWY_EXPORT(Dsd4);
HWY_EXPORT(Dsd8);
HWY_EXPORT(Dsd16);
HWY_EXPORT(Dsd32);
HWY_EXPORT(Dsd64);
HWY_EXPORT(DoubleDsd2);
HWY_EXPORT(DoubleDsd4);
HWY_EXPORT(DoubleDsd8);
HWY_EXPORT(DoubleDsd16);
HWY_EXPORT(DoubleDsd32);
HWY_EXPORT(DoubleDsd64);
HWY_EXPORT(PairDsd2);
HWY_EXPORT(PairDsd4);
HWY_EXPORT(PairDsd8);
HWY_EXPORT(PairDsd16);
HWY_EXPORT(PairDsd32);
HWY_EXPORT(PairDsd64);

}  // namespace

DsdKernel<float> simd_dsd(int block) {
  switch (block) {
    case 2: return FILIGREE_SIMD(Dsd2);
    case 4: return FILIGREE_SIMD(Dsd4);
    case 8: return FILIGREE_SIMD(Dsd8);
    case 16: return FILIGREE_SIMD(Dsd16);
    case 32: return FILIGREE_SIMD(Dsd32);
    default: return FILIGREE_SIMD(Dsd64);
  }
}

DsdKernel<float> narrow_simd_dsd(int block) {
  switch (block) {
    case 2: return FILIGREE_SIMD_AVX2(Dsd2);
    case 4: return FILIGREE_SIMD_AVX2(Dsd4);
    case 8: return FILIGREE_SIMD_AVX2(Dsd8);
    case 16: return FILIGREE_SIMD_AVX2(Dsd16);
    case 32: return FILIGREE_SIMD_AVX2(Dsd32);
    default: return FILIGREE_SIMD_AVX2(Dsd64);
  }
}

DsdKernel<double> double_dsd(int block) {
  switch (block) {
    case 2: return FILIGREE_SIMD(DoubleDsd2);
    case 4: return FILIGREE_SIMD(DoubleDsd4);
    case 8: return FILIGREE_SIMD(DoubleDsd8);
    case 16: return FILIGREE_SIMD(DoubleDsd16);
    case 32: return FILIGREE_SIMD(DoubleDsd32);
    default: return FILIGREE_SIMD(DoubleDsd64);
  }
}

DsdKernel<double> narrow_double_dsd(int block) {
  switch (block) {
    case 2: return FILIGREE_SIMD_AVX2(DoubleDsd2);
    case 4: return FILIGREE_SIMD_AVX2(DoubleDsd4);
    case 8: return FILIGREE_SIMD_AVX2(DoubleDsd8);
    case 16: return FILIGREE_SIMD_AVX2(DoubleDsd16);
    case 32: return FILIGREE_SIMD_AVX2(DoubleDsd32);
    default: return FILIGREE_SIMD_AVX2(DoubleDsd64);
  }
}

DsdKernel<BFloat16> pair_dsd(int block) {
  switch (block) {
    case 2: return FILIGREE_SIMD(PairDsd2);
    case 4: return FILIGREE_SIMD(PairDsd4);
    case 8: return FILIGREE_SIMD(PairDsd8);
    case 16: return FILIGREE_SIMD(PairDsd16);
    case 32: return FILIGREE_SIMD(PairDsd32);
    default: return FILIGREE_SIMD(PairDsd64);
  }
}

}  // namespace filigree::sparse::kernels
#endif
