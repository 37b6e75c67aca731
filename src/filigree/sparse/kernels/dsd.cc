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
constexpr int kPanelVectors = kManyRegisters&& kBlock == 4 ? 6 : 3;
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

// Where a panel of y begins, and what its rows are.
struct Output {
  float* data;
  std::int64_t stride;
};

// kRows rows, from `row` on, of the products of the blocks [begin, end): y += w x.
template <int kBlock, int kVectors, int kRows, bool kTransposed>
HWY_INLINE void Tile(const DsdTask<float>& task, std::int64_t begin, std::int64_t end, int row,
                     const float* x, Output y, bool zero, const float* bias, PanelCopier& next) {
  const Full d;
  constexpr int kWidth = kVectors * kLanes;
  FullVec sum[kRows][kVectors];
  FILIGREE_UNROLL for (int r = 0; r < kRows; ++r) {
    const auto start = bias == nullptr ? hn::Zero(d) : hn::Set(d, bias[row + r]);
    FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) sum[r][v] = start;
  }
  if (!zero) {
    FILIGREE_UNROLL for (int r = 0; r < kRows; ++r) {
      FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = hn::Add(sum[r][v], hn::LoadU(d, y.data + (row + r) * y.stride + v * kLanes));
      }
    }
  }
  constexpr int kPerRow = kTransposed ? 1 : kBlock;
  constexpr int kPerInput = kTransposed ? kBlock : 1;
  for (std::int64_t q = begin; q < end; ++q) {
    const float* w = task.values + task.blocks.position(q) * kBlock * kBlock + row * kPerRow;
    const float* x_block = x + std::int64_t{task.blocks.others[q]} * (kBlock * kWidth);
    next.step();
    FILIGREE_UNROLL for (int i = 0; i < kBlock; ++i) {
      FullVec input[kVectors];
      FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
        input[v] = hn::Load(d, x_block + i * kWidth + v * kLanes);
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
      hn::StoreU(sum[r][v], d, y.data + (row + r) * y.stride + v * kLanes);
    }
  }
}

// All rows of a group, tile by tile.
template <int kBlock, int kVectors, int kRow, bool kTransposed>
HWY_INLINE void Tiles(const DsdTask<float>& task, std::int64_t begin, std::int64_t end, const float* x,
                      Output y, bool zero, const float* bias, PanelCopier& next) {
  constexpr int kLeft = kBlock - kRow;
  constexpr int kMost = kTileRows<kBlock, kVectors>;
  constexpr int kRows = kLeft < kMost ? kLeft : kMost;
  Tile<kBlock, kVectors, kRows, kTransposed>(task, begin, end, kRow, x, y, zero, bias, next);
  if constexpr (kRow + kRows < kBlock) {
    Tiles<kBlock, kVectors, kRow + kRows, kTransposed>(task, begin, end, x, y, zero, bias, next);
  }
}

template <int kBlock, int kVectors, bool kTransposed>
HWY_INLINE void Group(const DsdTask<float>& task, std::int64_t g, const float* x, Output y,
                      PanelCopier& next) {
  constexpr bool kOneTile = kTileRows<kBlock, kVectors> >= kBlock;
  constexpr std::int64_t kChunk = kChunkValues / (kBlock * kBlock);
  const std::int64_t end = task.blocks.offsets[g + 1];
  std::int64_t begin = task.blocks.offsets[g];
  const float* bias = task.bias == nullptr ? nullptr : task.bias + g * kBlock;
  bool zero = !task.accumulate;
  do {
    const std::int64_t stop = kOneTile || begin + kChunk + kChunk / 2 > end ? end : begin + kChunk;
    Tiles<kBlock, kVectors, 0, kTransposed>(task, begin, stop, x, y, zero, bias, next);
    begin = stop;
    zero = false;
    bias = nullptr;
  } while (begin < end);
}

// One panel of columns: x is its copy, y begins at its first column.
template <int kBlock, int kVectors, bool kTransposed>
void Panel(const DsdTask<float>& task, const float* x, float* y, std::int64_t columns, PanelCopier next) {
  constexpr std::int64_t kWidth = kVectors * kLanes;
  HWY_ALIGN float part[kBlock * kWidth];
  for (std::int64_t g = task.first_group; g < task.last_group; ++g) {
    float* rows = y + g * kBlock * task.y_stride;
    if (columns == kWidth) {
      Group<kBlock, kVectors, kTransposed>(task, g, x, {rows, task.y_stride}, next);
      continue;
    }
    // Vectors that end behind the last column go through memory of our own.
    if (task.accumulate) CopyRows(rows, task.y_stride, kBlock, columns, part, kWidth);
    Group<kBlock, kVectors, kTransposed>(task, g, x, {part, kWidth}, next);
    CopyRows(part, kWidth, kBlock, columns, rows, task.y_stride);
  }
  next.finish();
}

template <int kBlock, int kVectors>
void AnyPanel(int vectors, const DsdTask<float>& task, const float* x, float* y, std::int64_t columns,
              const PanelCopier& next) {
  if constexpr (kVectors > 1) {
    if (vectors < kVectors) {
      AnyPanel<kBlock, kVectors - 1>(vectors, task, x, y, columns, next);
      return;
    }
  }
  if (task.transposed) {
    Panel<kBlock, kVectors, true>(task, x, y, columns, next);
  } else {
    Panel<kBlock, kVectors, false>(task, x, y, columns, next);
  }
}

template <int kBlock>
void Dsd(const DsdTask<float>& task) {
  constexpr int kMost = kPanelVectors<kBlock>;
  const Panels panels(task.columns, kMost);
  const std::int64_t tiles_per_block = (kBlock + kTileRows<kBlock, kMost> - 1) / kTileRows<kBlock, kMost>;
  const std::int64_t steps =
      (task.blocks.offsets[task.last_group] - task.blocks.offsets[task.first_group]) * tiles_per_block;
  float* copy = task.scratch;
  float* next_copy = task.scratch + task.x_rows * kMost * kLanes;
  const auto copier = [&](std::int64_t panel, float* to) {
    return PanelCopier(task.x + panels.first(panel), task.x_stride, panel < panels.count() ? task.x_rows : 0,
                       panels.columns(panel), panels.vectors(panel), to, steps);
  };
  copier(0, copy).finish();
  for (std::int64_t p = 0; p < panels.count(); ++p) {
    AnyPanel<kBlock, kMost>(panels.vectors(p), task, copy, task.y + panels.first(p), panels.columns(p),
                            copier(p + 1, next_copy));
    float* const used = copy;
    copy = next_copy;
    next_copy = used;
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
