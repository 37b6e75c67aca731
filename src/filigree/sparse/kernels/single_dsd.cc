// dsd for single elements. Each multiply-add reads a vector of x, so that x must come from L1: x is taken in
// parts of rows (RunIndex), each copied when its turn comes (unless x is one panel as it lies), and sums are
// loaded and stored once for each run of elements of a row in a part. They wait in L2 between parts.
#include "filigree/base/simd.h"
#include "filigree/sparse/kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/sparse/kernels/single_dsd.cc"
#include <hwy/foreach_target.h>
//
#include "filigree/sparse/kernels/panel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace filigree::sparse::kernels::HWY_NAMESPACE {
namespace {

#if FILIGREE_SPARSE_PLAIN

void Dsd1(const DsdTask<float>& task) { plain_dsd<float>(1)(task); }

#else

// Wide panels spread the work of a run's beginning and end, and of finding its elements, over more columns;
// part sizes are chosen for these.
constexpr int kMostVectors = kManyRegisters ? 64 / kLanes : 32 / kLanes;
// Sums that elements are added to in turn, so that multiply-adds need not wait for each other. The same for
// every width: how columns are cut into panels must change no bit.
constexpr int kChains = 2;
// How many runs ahead sums and values are fetched.
constexpr std::int64_t kAheadRuns = 4;

// One part of one window over one panel.
struct Section {
  const BlockRun* begin;
  const BlockRun* end;
  // Where the copy of row 0 of x would be.
  const float* x;
  // Where the sums of group 0 would be.
  float* sums;
  // Group 0's row of y, at the panel's first column.
  float* y;
  std::int64_t columns;
};

HWY_INLINE FullVec LoadFirst(const float* from, std::int64_t count) {
  const Full d;
  if (count >= kLanes) return hn::LoadU(d, from);
  return hn::MaskedLoad(hn::FirstN(d, static_cast<std::size_t>(count < 0 ? 0 : count)), d, from);
}

HWY_INLINE void StoreFirst(FullVec v, float* to, std::int64_t count) {
  const Full d;
  if (count >= kLanes) {
    hn::StoreU(v, d, to);
    return;
  }
  HWY_ALIGN float all[kLanes];
  hn::Store(v, d, all);
  for (std::int64_t i = 0; i < count; ++i) to[i] = all[i];
}

// Runs of the first part begin sums, those of the last store them in y.
template <int kVectors, bool kFirst, bool kLast>
void Runs(const DsdTask<float>& task, const Section& section, RowPrefetcher next) {
  constexpr std::int64_t kWidth = kVectors * kLanes;
  constexpr std::int64_t kLine = kCacheLine / 4;
  const Full d;
  for (const BlockRun* run = section.begin; run != section.end; ++run) {
    const BlockRun& ahead = section.end - run > kAheadRuns ? run[kAheadRuns] : *run;
    if constexpr (!kFirst) {
      FILIGREE_UNROLL for (std::int64_t c = 0; c < kWidth; c += kLine) {
        __builtin_prefetch(section.sums + ahead.group * kWidth + c, 1, 3);
      }
    }
    if constexpr (kLast) {
      FILIGREE_UNROLL for (std::int64_t c = 0; c < kWidth; c += kLine) {
        __builtin_prefetch(section.y + ahead.group * task.y_stride + c, 1, 3);
      }
    }
    for (std::int64_t i = 0; i < ahead.count; i += kLine) {
      __builtin_prefetch(task.run_values + ahead.values + i, 0, 3);
    }
    next.step();
    if (run->group < task.first_group || run->group >= task.last_group) continue;
    float* const sums = section.sums + run->group * kWidth;
    float* const y = section.y + run->group * task.y_stride;
    FullVec sum[kChains][kVectors];
    FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
      sum[0][v] = kFirst ? hn::Zero(d) : hn::Load(d, sums + v * kLanes);
      FILIGREE_UNROLL for (int c = 1; c < kChains; ++c) sum[c][v] = hn::Zero(d);
    }
    if constexpr (kFirst) {
      if (task.bias != nullptr) {
        FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) sum[0][v] = hn::Set(d, task.bias[run->group]);
      }
      if (task.accumulate) {
        FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
          sum[0][v] = hn::Add(sum[0][v], LoadFirst(y + v * kLanes, section.columns - v * kLanes));
        }
      }
    }
    const float* values = task.run_values + run->values;
    const std::int32_t* others = task.run_others + run->begin;
    const auto add = [&](FullVec weight, std::int32_t other, FullVec(&to)[kVectors]) HWY_ATTR {
      const float* input = section.x + std::int64_t{other} * kWidth;
      FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
        to[v] = hn::MulAdd(weight, hn::Load(d, input + v * kLanes), to[v]);
      }
    };
    // Loads are what limits this loop: one for four values.
    std::int64_t q = 0;
    for (; q + 4 <= run->count; q += 4) {
      const auto four = hn::LoadDup128(d, values + q);
      add(hn::Broadcast<0>(four), others[q], sum[0]);
      add(hn::Broadcast<1>(four), others[q + 1], sum[1]);
      add(hn::Broadcast<2>(four), others[q + 2], sum[0]);
      add(hn::Broadcast<3>(four), others[q + 3], sum[1]);
    }
    for (; q < run->count; ++q) add(hn::Set(d, values[q]), others[q], sum[0]);
    FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
      const FullVec total = hn::Add(sum[0][v], sum[1][v]);
      if constexpr (kLast) {
        StoreFirst(total, y + v * kLanes, section.columns - v * kLanes);
      } else {
        hn::Store(total, d, sums + v * kLanes);
      }
    }
    if constexpr (kLast) {
      if (task.activation != nullptr) task.activation(y, section.columns);
    }
  }
}

template <int kVectors>
void AnyRuns(int vectors, bool first, bool last, const DsdTask<float>& task, const Section& section,
             const RowPrefetcher& next) {
  if constexpr (kVectors > 1) {
    if (vectors < kVectors) {
      AnyRuns<kVectors - 1>(vectors, first, last, task, section, next);
      return;
    }
  }
  if (first) {
    last ? Runs<kVectors, true, true>(task, section, next) : Runs<kVectors, true, false>(task, section, next);
  } else {
    last ? Runs<kVectors, false, true>(task, section, next)
         : Runs<kVectors, false, false>(task, section, next);
  }
}

void Dsd1(const DsdTask<float>& task) {
  const Panels panels(task.columns, PanelVectors(task.panel_columns, kMostVectors));
  const bool placed = IsPanel(task, kMostVectors * kLanes, kLanes);
  const SingleRuns& index = task.runs;
  const std::int64_t parts = (task.x_rows + index.part_size - 1) / index.part_size;
  const auto rows_of = [&](std::int64_t part) {
    const std::int64_t left = task.x_rows - part * index.part_size;
    return left < index.part_size ? left : index.part_size;
  };
  for (std::int64_t p = 0; p < panels.count(); ++p) {
    const int vectors = panels.vectors(p);
    const std::int64_t width = std::int64_t{vectors} * kLanes;
    const std::int64_t columns = panels.columns(p);
    const float* const from = task.x + panels.first(p);
    float* const sums = task.scratch + index.part_size * width;
    for (std::int64_t w = task.first_group / kWindowGroups; w * kWindowGroups < task.last_group; ++w) {
      for (std::int64_t i = 0; i < parts; ++i) {
        const std::int64_t first = i * index.part_size;
        const std::int32_t* bounds = index.section_offsets + w * parts + i;
        if (!placed) {
          CopyPanel(from + first * task.x_stride, task.x_stride, rows_of(i), columns, vectors, task.scratch);
        }
        const float* const x = placed ? from : task.scratch - first * width;
        const bool last = i + 1 == parts;
        const RowPrefetcher next(from + (first + index.part_size) * task.x_stride, task.x_stride, columns,
                                 last ? 0 : rows_of(i + 1), bounds[1] - bounds[0]);
        AnyRuns<kMostVectors>(vectors, i == 0, last, task,
                              {index.runs + bounds[0], index.runs + bounds[1], x,
                               sums - w * kWindowGroups * width, task.y + panels.first(p), columns},
                              next);
      }
    }
  }
}

#endif

}  // namespace
}  // namespace filigree::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace filigree::sparse::kernels {
namespace {

HWY_EXPORT(Dsd1);

}  // namespace

DsdKernel<float> single_dsd() { return FILIGREE_SIMD(Dsd1); }

}  // namespace filigree::sparse::kernels
#endif
