// dsd for blocks of 4 and more. Vectors hold columns of x and y; weights are broadcast, so that their order
// within a block does not matter and the transposed product needs no transposed copy.
#include "filigree/base/simd.h"
#include "filigree/sparse/kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/sparse/kernels/dsd.cc"
#include <hwy/foreach_target.h>
//
#include "filigree/sparse/kernels/panel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace filigree::sparse::kernels::HWY_NAMESPACE {
namespace {

#if FILIGREE_SPARSE_PLAIN

template <int kBlock>
void Dsd(const DsdTask<float>& task) {
  plain_dsd<float>(kBlock)(task);
}

#else

// Vectors of columns at a time, and rows of y for so many vectors: as many sums as registers hold beside the
// vectors of x (and, on AVX2, a broadcast weight).
template <int kBlock>
constexpr int kPanelVectors = kManyRegisters ? (kBlock == 4 ? 6 : 3) : (kBlock == 16 ? 2 : 3);
template <int kBlock, int kVectors>
constexpr int kTileRows = kManyRegisters  ? (kBlock == 4    ? 4
                                             : kVectors > 1 ? 8
                                                            : 16)
                          : kVectors == 3 ? 4
                          : kVectors == 2 ? (kBlock < 16 ? 4 : 6)
                                          : (kBlock < 8 ? kBlock : 8);

// Values of the blocks that several tiles of rows take in turn: their weights and their rows of x stay in L1
// meanwhile.
constexpr std::int64_t kChunkValues = 2048;

// How many blocks ahead weights are fetched into L1, and rows of x, which the hardware finds by itself where
// a block has many.
template <int kBlock>
constexpr std::int64_t kAheadWeights = kBlock == 4 ? 16 : 8;
template <int kBlock>
constexpr std::int64_t kAheadInputs = kBlock == 16 ? 0 : 2;

// What is multiplied at a time: all groups of a task, with some of the rows of x.
struct Part {
  const DsdTask<float>& task;
  // Where row 0 of the copy of x would be.
  const float* x;
  // Blocks whose other group is below this one...
  std::int32_t limit;
  // ...and of these the first in each group, at which sums begin.
  bool first;
  bool last;
  // The last block of all groups.
  std::int64_t last_block;
};

// Where a panel of y begins, and what its rows are.
struct Output {
  float* data;
  std::int64_t stride;
};

template <int kBytes>
HWY_INLINE void FetchLines(const float* from) {
  const char* line = reinterpret_cast<const char*>(from);
  FILIGREE_UNROLL for (int i = 0; i < kBytes; i += kCacheLine) __builtin_prefetch(line + i, 0, 3);
}

// kRows rows, from kRow on, of the products of the blocks [begin, end): y += w x.
template <int kBlock, int kVectors, int kRow, int kRows, bool kTransposed>
HWY_INLINE void Tile(const Part& part, std::int64_t begin, std::int64_t end, Output y, bool zero,
                     const float* bias) {
  const Full d;
  const DsdTask<float>& task = part.task;
  constexpr int kWidth = kVectors * kLanes;
  FullVec sum[kRows][kVectors];
  FILIGREE_UNROLL for (int r = 0; r < kRows; ++r) {
    FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = zero ? hn::Zero(d) : hn::LoadU(d, y.data + (kRow + r) * y.stride + v * kLanes);
    }
  }
  if (bias != nullptr) {
    FILIGREE_UNROLL for (int r = 0; r < kRows; ++r) {
      const auto start = hn::Set(d, bias[kRow + r]);
      FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Add(start, sum[r][v]);
    }
  }
  constexpr int kPerRow = kTransposed ? 1 : kBlock;
  constexpr int kPerInput = kTransposed ? kBlock : 1;
  constexpr int kValues = kBlock * kBlock;
  for (std::int64_t q = begin; q < end; ++q) {
    const float* w = task.values + task.blocks.position(q) * kValues + kRow * kPerRow;
    const float* x = part.x + std::int64_t{task.blocks.others[q]} * (kBlock * kWidth);
    {
      // Each tile of a block fetches its share of another's weights.
      constexpr int kBytes = kValues * 4 * kRows / kBlock;
      const std::int64_t ahead =
          q + kAheadWeights<kBlock> < part.last_block ? q + kAheadWeights<kBlock> : part.last_block;
      FetchLines<kBytes>(task.values + task.blocks.position(ahead) * kValues + kRow * kBlock);
    }
    constexpr std::int64_t kAheadX = kAheadInputs<kBlock>;
    if constexpr (kRow == 0 && kAheadX != 0) {
      const std::int64_t ahead = q + kAheadX < part.last_block ? q + kAheadX : part.last_block;
      FetchLines<kBlock * kWidth * 4>(part.x + std::int64_t{task.blocks.others[ahead]} * (kBlock * kWidth));
    }
    FILIGREE_UNROLL for (int i = 0; i < kBlock; ++i) {
      FullVec input[kVectors];
      FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
        input[v] = hn::Load(d, x + i * kWidth + v * kLanes);
      }
      FILIGREE_UNROLL for (int r = 0; r < kRows; ++r) {
        const auto weight = hn::Set(d, w[r * kPerRow + i * kPerInput]);
        FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
          sum[r][v] = hn::MulAdd(weight, input[v], sum[r][v]);
        }
      }
    }
  }
  FILIGREE_UNROLL for (int r = 0; r < kRows; ++r) {
    FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
      hn::StoreU(sum[r][v], d, y.data + (kRow + r) * y.stride + v * kLanes);
    }
  }
}

// All rows of a group, tile by tile.
template <int kBlock, int kVectors, int kRow, bool kTransposed>
HWY_INLINE void Tiles(const Part& part, std::int64_t begin, std::int64_t end, Output y, bool zero,
                      const float* bias) {
  constexpr int kLeft = kBlock - kRow;
  constexpr int kMost = kTileRows<kBlock, kVectors>;
  constexpr int kRows = kLeft < kMost ? kLeft : kMost;
  Tile<kBlock, kVectors, kRow, kRows, kTransposed>(part, begin, end, y, zero, bias);
  if constexpr (kRow + kRows < kBlock) {
    Tiles<kBlock, kVectors, kRow + kRows, kTransposed>(part, begin, end, y, zero, bias);
  }
}

// The blocks [begin, end) of group g.
template <int kBlock, int kVectors, bool kTransposed>
HWY_INLINE void Group(const Part& part, std::int64_t g, std::int64_t begin, std::int64_t end, Output y) {
  constexpr bool kOneTile = kTileRows<kBlock, kVectors> >= kBlock;
  constexpr std::int64_t kChunk = kChunkValues / (kBlock * kBlock);
  const DsdTask<float>& task = part.task;
  const float* bias = part.first && task.bias != nullptr ? task.bias + g * kBlock : nullptr;
  bool zero = part.first && !task.accumulate;
  do {
    const std::int64_t stop = kOneTile || begin + kChunk + kChunk / 2 > end ? end : begin + kChunk;
    Tiles<kBlock, kVectors, 0, kTransposed>(part, begin, stop, y, zero, bias);
    begin = stop;
    zero = false;
    bias = nullptr;
  } while (begin < end);
}

// One panel of columns; y begins at its first column.
template <int kBlock, int kVectors, bool kTransposed>
void Panel(const Part& part, float* y, std::int64_t columns) {
  constexpr std::int64_t kWidth = kVectors * kLanes;
  HWY_ALIGN float padded[kBlock * kWidth] = {};
  const DsdTask<float>& task = part.task;
  for (std::int64_t g = task.first_group; g < task.last_group; ++g) {
    const std::int64_t begin = part.first ? task.blocks.offsets[g] : task.cursors[g];
    std::int64_t end = task.blocks.offsets[g + 1];
    if (!part.last) {
      end = begin;
      while (end < task.blocks.offsets[g + 1] && task.blocks.others[end] < part.limit) ++end;
      task.cursors[g] = static_cast<std::int32_t>(end);
    }
    if (begin == end && !part.first) continue;
    float* rows = y + g * kBlock * task.y_stride;
    if (g + 1 < task.last_group) {
      for (std::int64_t r = kBlock; r < 2 * kBlock; ++r) {
        FILIGREE_UNROLL for (std::int64_t c = 0; c < kWidth; c += kCacheLine / 4) {
          __builtin_prefetch(rows + r * task.y_stride + c, 1, 3);
        }
      }
    }
    if (columns == kWidth) {
      Group<kBlock, kVectors, kTransposed>(part, g, begin, end, {rows, task.y_stride});
      continue;
    }
    // Vectors that end behind the last column go through memory of our own.
    if (task.accumulate || !part.first) CopyRows(rows, task.y_stride, kBlock, columns, padded, kWidth);
    Group<kBlock, kVectors, kTransposed>(part, g, begin, end, {padded, kWidth});
    CopyRows(padded, kWidth, kBlock, columns, rows, task.y_stride);
  }
}

template <int kBlock, int kVectors>
void AnyPanel(int vectors, const Part& part, float* y, std::int64_t columns) {
  if constexpr (kVectors > 1) {
    if (vectors < kVectors) {
      AnyPanel<kBlock, kVectors - 1>(vectors, part, y, columns);
      return;
    }
  }
  if (part.task.transposed) {
    Panel<kBlock, kVectors, true>(part, y, columns);
  } else {
    Panel<kBlock, kVectors, false>(part, y, columns);
  }
}

template <int kBlock>
void Dsd(const DsdTask<float>& task) {
  const Panels panels(task.columns, kPanelVectors<kBlock>);
  const std::int64_t last_block = task.blocks.offsets[task.last_group] - 1;
  const std::int64_t inputs = task.x_rows / kBlock;
  for (std::int64_t p = 0; p < panels.count(); ++p) {
    // The copy of a panel must stay in the cache; where x has too many rows for that, some of them at a time.
    const std::int64_t width = std::int64_t{panels.vectors(p)} * kLanes;
    const std::int64_t most = task.cache_bytes / (width * kBlock * static_cast<std::int64_t>(sizeof(float)));
    const std::int64_t parts = most < 1 ? inputs : (inputs + most - 1) / most;
    for (std::int64_t i = 0; i < parts; ++i) {
      const std::int64_t first = inputs * i / parts;
      const std::int64_t end = inputs * (i + 1) / parts;
      CopyPanel(task.x + first * kBlock * task.x_stride + panels.first(p), task.x_stride,
                (end - first) * kBlock, panels.columns(p), panels.vectors(p), task.scratch);
      const Part part{task,
                      task.scratch - first * kBlock * width,
                      static_cast<std::int32_t>(end),
                      i == 0,
                      i + 1 == parts,
                      last_block};
      AnyPanel<kBlock, kPanelVectors<kBlock> >(panels.vectors(p), part, task.y + panels.first(p),
                                               panels.columns(p));
    }
  }
}

#endif

void Dsd4(const DsdTask<float>& task) { Dsd<4>(task); }
void Dsd8(const DsdTask<float>& task) { Dsd<8>(task); }
void Dsd16(const DsdTask<float>& task) { Dsd<16>(task); }

}  // namespace
}  // namespace filigree::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace filigree::sparse::kernels {
namespace {

HWY_EXPORT(Dsd4);
HWY_EXPORT(Dsd8);
HWY_EXPORT(Dsd16);

}  // namespace

DsdKernel<float> simd_dsd(int block) {
  switch (block) {
    case 4: return FILIGREE_SIMD(Dsd4);
    case 8: return FILIGREE_SIMD(Dsd8);
    default: return FILIGREE_SIMD(Dsd16);
  }
}

}  // namespace filigree::sparse::kernels
#endif
