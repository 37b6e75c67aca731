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

// Outputs x inputs of the blocks that there are kernels for: those of kBlockShapes but 1, and what they are
// in the transposed product.
#define FILIGREE_EACH_SQUARE(M) M(2, 2) M(4, 4) M(8, 8) M(16, 16) M(32, 32) M(64, 64)
#define FILIGREE_EACH_BLOCK(M) FILIGREE_EACH_SQUARE(M) M(1, 16) M(16, 1) M(4, 1) M(1, 4)

HWY_BEFORE_NAMESPACE();
namespace filigree::sparse::kernels::HWY_NAMESPACE {
namespace {

#if FILIGREE_SPARSE_PLAIN

template <int kOut, int kIn, typename T>
void SingleDsd(const DsdTask<T>& task) {
  plain_dsd<T>({kOut, kIn})(task);
}

#else

// Vectors of columns at a time, and rows of y for so many vectors: as many sums as registers hold beside the
// vectors of x (and, on AVX2, a broadcast weight).
template <int kOut>
constexpr int kPanelVectors = kManyRegisters ? (kOut <= 2   ? 6
                                                : kOut == 4 ? 4
                                                            : 3)
                                             : (kOut == 1    ? 8
                                                : kOut == 2  ? 4
                                                : kOut >= 16 ? 2
                                                             : 3);
// The same where x is one panel already and is taken where it lies: 64 columns need no second panel then.
template <int kOut>
constexpr int kPlacedVectors = kManyRegisters&& kOut >= 8 ? 4 : kPanelVectors<kOut>;
template <int kOut, int kVectors>
constexpr int kTileRows = kOut <= 4        ? kOut
                          : kManyRegisters ? (kVectors == 4               ? (kOut == 8 ? 4 : 6)
                                              : kVectors > 1 || kOut == 8 ? 8
                                                                          : 16)
                          : kVectors == 3  ? 4
                          : kVectors == 2  ? (kOut < 16 ? 4 : 6)
                                           : 8;

// Bytes of weights of the blocks that several tiles of rows take in turn: their weights and their rows of x
// stay in L1 meanwhile.
constexpr std::int64_t kChunkBytes = 8192;

// How many blocks ahead weights are fetched into L1, and rows of x, which the hardware finds by itself where
// a block has many.
template <int kValues>
constexpr std::int64_t kAheadWeights = kValues <= 16    ? 32
                                       : kValues <= 256 ? 8
                                                        : 1;
template <int kIn>
constexpr std::int64_t kAheadInputs = kIn >= 16  ? 0
                                      : kIn == 1 ? 4
                                                 : 2;
// Inputs of a block in one straight run of instructions.
template <int kIn>
constexpr int kUnrolledInputs = kIn < 16 ? kIn : 16;

// Whether a block is work enough to fetch something beside it.
template <int kOut, int kIn>
constexpr bool kFetchBesideBlocks = kOut* kIn >= 64;

// What is multiplied at a time: all groups of a task, and a panel of x.
template <class L>
struct Part {
  const DsdTask<typename L::Element>& task;
  const typename L::Sum* x;
  // The last block of all groups.
  std::int64_t last_block;
  // Fetches the panel of x behind this one.
  RowPrefetcher* next_x;
  // Fetches the rows of y behind those of a group.
  RowPrefetcher* next_y;
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
template <class L, int kOut, int kIn, int kVectors, int kRows, bool kTransposed, typename Out>
HWY_INLINE void Tile(const Part<L>& part, std::int64_t row, std::int64_t begin, std::int64_t end,
                     Output<Out> y, bool zero, const typename L::Element* bias) {
  using Element = typename L::Element;
  using Sum = typename L::Sum;
  const typename L::Tag d;
  const DsdTask<Element>& task = part.task;
  constexpr int kLanes = L::kLanes;
  constexpr int kWidth = kVectors * kLanes;
  constexpr int kSteps = kIn / L::kInputs;
  constexpr int kUnrolled = kUnrolledInputs<kIn> / L::kInputs;
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
  constexpr int kPerRow = kTransposed ? L::kInputs : kIn;
  constexpr int kPerStep = kTransposed ? kOut * L::kInputs : L::kInputs;
  constexpr int kValues = kOut * kIn;
  for (std::int64_t q = begin; q < end; ++q) {
    const Element* w = task.values + task.blocks.position(q) * kValues + row * kPerRow;
    const Sum* x = part.x + std::int64_t{task.blocks.others[q]} * (kSteps * kWidth);
    {
      // Each tile of a block fetches its share of another's weights; of few lines, of each of which the first
      // tile of a transposed product takes a part, that tile fetches all.
      constexpr bool kFirstFetches = kTransposed && kValues <= 64;
      constexpr int kBytes =
          kValues * static_cast<int>(sizeof(Element)) * (kFirstFetches ? kOut : kRows) / kOut;
      const std::int64_t ahead =
          q + kAheadWeights<kValues> < part.last_block ? q + kAheadWeights<kValues> : part.last_block;
      if (!kFirstFetches || row == 0) {
        FetchLines<kBytes>(task.values + task.blocks.position(ahead) * kValues + row * kIn);
      }
    }
    if constexpr (kFetchBesideBlocks<kOut, kIn>) {
      part.next_x->step();
      part.next_y->step_for_writing();
    }
    constexpr std::int64_t kAheadX = kAheadInputs<kIn>;
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
template <class L, int kOut, int kIn, int kVectors, bool kTransposed, typename Out>
HWY_INLINE void Tiles(const Part<L>& part, std::int64_t begin, std::int64_t end, Output<Out> y, bool zero,
                      const typename L::Element* bias) {
  constexpr int kRows = kTileRows<kOut, kVectors>;
  constexpr int kRest = kOut % kRows;
  for (std::int64_t row = 0; row + kRows <= kOut; row += kRows) {
    Tile<L, kOut, kIn, kVectors, kRows, kTransposed>(part, row, begin, end, y, zero, bias);
  }
  if constexpr (kRest != 0) {
    Tile<L, kOut, kIn, kVectors, kRest, kTransposed>(part, kOut - kRest, begin, end, y, zero, bias);
  }
}

// All blocks of group g.
template <class L, int kOut, int kIn, int kVectors, bool kTransposed, typename Out>
HWY_INLINE void Group(const Part<L>& part, std::int64_t g, Output<Out> y) {
  using Element = typename L::Element;
  constexpr bool kOneTile = kTileRows<kOut, kVectors> >= kOut;
  constexpr std::int64_t kBlockBytes = kOut * kIn * sizeof(Element);
  // Few columns wait for weights from memory, which come fastest one after another.
  constexpr bool kStream = kVectors == 1 && !kManyRegisters;
  constexpr std::int64_t kChunk = kStream || kChunkBytes < kBlockBytes ? 1 : kChunkBytes / kBlockBytes;
  const DsdTask<Element>& task = part.task;
  const Element* bias = task.bias != nullptr ? task.bias + g * kOut : nullptr;
  bool zero = !task.accumulate;
  std::int64_t begin = task.blocks.offsets[g];
  const std::int64_t end = task.blocks.offsets[g + 1];
  do {
    // Sums are kept in full between chunks: not where y is stored in fewer bits.
    const bool whole = kOneTile || sizeof(Out) < sizeof(typename L::Sum) || begin + kChunk + kChunk / 2 > end;
    const std::int64_t stop = whole ? end : begin + kChunk;
    Tiles<L, kOut, kIn, kVectors, kTransposed>(part, begin, stop, y, zero, bias);
    begin = stop;
    zero = false;
    bias = nullptr;
  } while (begin < end);
}

// One panel of columns; y begins at its first column. Out: what a group's sums are stored in before an
// activation takes them.
template <class L, int kOut, int kIn, int kVectors, bool kTransposed, typename Out>
void Panel(Part<L> part, Output<typename L::Element> y, std::int64_t columns) {
  using Element = typename L::Element;
  constexpr bool kInPlace = std::is_same_v<Out, Element>;
  constexpr std::int64_t kWidth = kVectors * L::kLanes;
  constexpr std::int64_t kTiles = kOut / kTileRows<kOut, kVectors>;
  HWY_ALIGN Out padded[kOut * kWidth] = {};
  const DsdTask<Element>& task = part.task;
  const auto activate = [&](Out* rows, std::int64_t stride) {
    if constexpr (std::is_same_v<Out, typename L::Sum>) {
      if (task.activation == nullptr) return;
      for (std::int64_t r = 0; r < kOut; ++r) task.activation(rows + r * stride, columns);
    }
  };
  for (std::int64_t g = task.first_group; g < task.last_group; ++g) {
    Element* const rows = y.data + g * kOut * y.stride;
    const std::int64_t blocks = task.blocks.offsets[g + 1] - task.blocks.offsets[g];
    const std::int64_t next_rows = g + 1 < task.last_group ? kOut : 0;
    RowPrefetcher next_y(rows + kOut * y.stride, y.stride, columns, next_rows,
                         kFetchBesideBlocks<kOut, kIn> ? blocks * kTiles : 1);
    part.next_y = &next_y;
    if constexpr (!kFetchBesideBlocks<kOut, kIn>) {
      part.next_x->step();
      next_y.step_for_writing();
    }
    if constexpr (kInPlace) {
      if (columns == kWidth) {
        Group<L, kOut, kIn, kVectors, kTransposed, Out>(part, g, {rows, y.stride});
        activate(rows, y.stride);
        continue;
      }
    }
    // Vectors that end behind the last column go through memory of our own, and so do sums that an activation
    // takes before they are rounded.
    if (task.accumulate) CopyRows(rows, y.stride, kOut, columns, padded, kWidth);
    Group<L, kOut, kIn, kVectors, kTransposed, Out>(part, g, {padded, kWidth});
    activate(padded, kWidth);
    CopyRows(padded, kWidth, kOut, columns, rows, y.stride);
  }
}

template <class L, int kOut, int kIn, int kVectors, typename Out>
void AnyPanel(int vectors, const Part<L>& part, Output<typename L::Element> y, std::int64_t columns) {
  if constexpr (kVectors > 1) {
    if (vectors < kVectors) {
      AnyPanel<L, kOut, kIn, kVectors - 1, Out>(vectors, part, y, columns);
      return;
    }
  }
  // Of one output or input alone, values lie in the same order either way.
  if constexpr (kOut > 1 && kIn > 1) {
    if (part.task.transposed) {
      Panel<L, kOut, kIn, kVectors, true, Out>(part, y, columns);
      return;
    }
  }
  Panel<L, kOut, kIn, kVectors, false, Out>(part, y, columns);
}

template <class L, int kOut, int kIn>
void Dsd(const DsdTask<typename L::Element>& task) {
  using Element = typename L::Element;
  using Sum = typename L::Sum;
  constexpr int kMost = kPlacedVectors<kOut>;
  const bool placed = std::is_same_v<Element, Sum> && IsPanel(task, kMost * L::kLanes, L::kLanes);
  const Panels panels(task.columns,
                      PanelVectors(task.panel_columns, placed ? kMost : kPanelVectors<kOut>, L::kLanes),
                      L::kLanes);
  auto* const copy = reinterpret_cast<Sum*>(task.scratch);
  const Sum* const x = placed ? reinterpret_cast<const Sum*>(task.x) : copy;
  const std::int64_t begin = task.blocks.offsets[task.first_group];
  const std::int64_t end = task.blocks.offsets[task.last_group];
  const std::int64_t steps = kFetchBesideBlocks<kOut, kIn>
                                 ? (end - begin) * (kOut / kTileRows<kOut, kPanelVectors<kOut> >)
                                 : task.last_group - task.first_group;
  for (std::int64_t p = 0; p < panels.count(); ++p) {
    const int vectors = panels.vectors(p);
    const std::int64_t columns = panels.columns(p);
    if (!placed) {
      L::CopyPanel(task.x + panels.first(p), task.x_stride, task.x_rows, columns, vectors, copy);
    }
    const bool last = p + 1 == panels.count();
    RowPrefetcher next_x(task.x + panels.first(p + 1), task.x_stride, last ? 0 : panels.columns(p + 1),
                         last ? 0 : task.x_rows, steps);
    const Part<L> part{task, x, end - 1, &next_x, nullptr};
    const Output<Element> y{task.y + panels.first(p), task.y_stride};
    if constexpr (!std::is_same_v<Element, Sum>) {
      if (task.activation != nullptr) {
        AnyPanel<L, kOut, kIn, kMost, Sum>(vectors, part, y, columns);
        continue;
      }
    }
    AnyPanel<L, kOut, kIn, kMost, Element>(vectors, part, y, columns);
  }
}

template <int kOut, int kIn, typename T>
void SingleDsd(const DsdTask<T>& task) {
  Dsd<SingleLane<T>, kOut, kIn>(task);
}

#endif

#if FILIGREE_SPARSE_BF16
template <int kBlock>
void PairDsd(const DsdTask<BFloat16>& task) {
  Dsd<BFloat16Lane, kBlock, kBlock>(task);
}
#else
// The table has no kernel for pairs where there is no instruction for them.
template <int kBlock>
void PairDsd(const DsdTask<BFloat16>&) {}
#endif

#define FILIGREE_DEFINE(kOut, kIn)                                                   \
  void Dsd##kOut##x##kIn(const DsdTask<float>& task) { SingleDsd<kOut, kIn>(task); } \
  void DoubleDsd##kOut##x##kIn(const DsdTask<double>& task) { SingleDsd<kOut, kIn>(task); }
FILIGREE_EACH_BLOCK(FILIGREE_DEFINE)
#undef FILIGREE_DEFINE
#define FILIGREE_DEFINE(kOut, kIn) \
  void PairDsd##kOut##x##kIn(const DsdTask<BFloat16>& task) { PairDsd<kOut>(task); }
FILIGREE_EACH_SQUARE(FILIGREE_DEFINE)
#undef FILIGREE_DEFINE

}  // namespace
}  // namespace filigree::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace filigree::sparse::kernels {
namespace {

#define FILIGREE_EXPORT(kOut, kIn) \
  HWY_EXPORT(Dsd##kOut##x##kIn);   \
  HWY_EXPORT(DoubleDsd##kOut##x##kIn);
FILIGREE_EACH_BLOCK(FILIGREE_EXPORT)
#undef FILIGREE_EXPORT
#define FILIGREE_EXPORT(kOut, kIn) HWY_EXPORT(PairDsd##kOut##x##kIn);
FILIGREE_EACH_SQUARE(FILIGREE_EXPORT)
#undef FILIGREE_EXPORT

}  // namespace

// The kernel of a block for which the table has one.
#define FILIGREE_CASE(kOut, kIn) \
  if (block == BlockShape(kOut, kIn)) return FILIGREE_CHOOSE(kOut, kIn);

#define FILIGREE_CHOOSE(kOut, kIn) FILIGREE_SIMD(Dsd##kOut##x##kIn)
DsdKernel<float> simd_dsd(BlockShape block) {
  FILIGREE_EACH_BLOCK(FILIGREE_CASE)
  return nullptr;
}
#undef FILIGREE_CHOOSE

#define FILIGREE_CHOOSE(kOut, kIn) FILIGREE_SIMD_AVX2(Dsd##kOut##x##kIn)
DsdKernel<float> narrow_simd_dsd(BlockShape block) {
  FILIGREE_EACH_BLOCK(FILIGREE_CASE)
  return nullptr;
}
#undef FILIGREE_CHOOSE

#define FILIGREE_CHOOSE(kOut, kIn) FILIGREE_SIMD(DoubleDsd##kOut##x##kIn)
DsdKernel<double> double_dsd(BlockShape block) {
  FILIGREE_EACH_BLOCK(FILIGREE_CASE)
  return nullptr;
}
#undef FILIGREE_CHOOSE

#define FILIGREE_CHOOSE(kOut, kIn) FILIGREE_SIMD_AVX2(DoubleDsd##kOut##x##kIn)
DsdKernel<double> narrow_double_dsd(BlockShape block) {
  FILIGREE_EACH_BLOCK(FILIGREE_CASE)
  return nullptr;
}
#undef FILIGREE_CHOOSE

#define FILIGREE_CHOOSE(kOut, kIn) FILIGREE_SIMD(PairDsd##kOut##x##kIn)
DsdKernel<BFloat16> pair_dsd(BlockShape block) {
  FILIGREE_EACH_SQUARE(FILIGREE_CASE)
  return nullptr;
}
#undef FILIGREE_CHOOSE
#undef FILIGREE_CASE

}  // namespace filigree::sparse::kernels
#endif
