// dsd for single elements. Each multiply-add reads a vector of x, so that x must come from L1: a panel's rows
// are taken in parts (RunIndex), and sums are loaded and stored once for each run of elements of a row in a
// part.
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

// Panels of 32 columns: part sizes are chosen for these.
constexpr int kMostVectors = 32 / kLanes;
// Sums that elements are added to in turn, so that multiply-adds need not wait for each other. The same for
// every width: how columns are cut into panels must change no bit.
constexpr int kChains = kManyRegisters ? 4 : 2;
// How many runs ahead sums are fetched.
constexpr std::int64_t kAheadRuns = 4;

// The runs [run, end) over one panel. x: its copy; sums: where the sums of group 0 would be.
template <int kVectors>
void Runs(const DsdTask<float>& task, const BlockRun* run, const BlockRun* end, const float* x, float* sums) {
  constexpr std::int64_t kWidth = kVectors * kLanes;
  const Full d;
  for (; run != end; ++run) {
    const BlockRun& ahead = end - run > kAheadRuns ? run[kAheadRuns] : *run;
    FILIGREE_UNROLL for (std::int64_t c = 0; c < kWidth; c += kCacheLine / 4) {
      __builtin_prefetch(sums + ahead.group * kWidth + c, 1, 3);
    }
    if (run->group < task.first_group || run->group >= task.last_group) continue;
    float* row = sums + run->group * kWidth;
    FullVec sum[kChains][kVectors];
    FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
      sum[0][v] = hn::Load(d, row + v * kLanes);
      FILIGREE_UNROLL for (int c = 1; c < kChains; ++c) sum[c][v] = hn::Zero(d);
    }
    const auto add = [&](std::int64_t q, int chain) HWY_ATTR {
      const auto weight = hn::Set(d, task.run_values[q]);
      const float* input = x + task.run_others[q] * kWidth;
      FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
        sum[chain][v] = hn::MulAdd(weight, hn::Load(d, input + v * kLanes), sum[chain][v]);
      }
    };
    std::int64_t q = run->begin;
    const std::int64_t stop = q + run->count;
    for (; q + kChains <= stop; q += kChains) {
      FILIGREE_UNROLL for (int c = 0; c < kChains; ++c) add(q + c, c);
    }
    for (; q < stop; ++q) add(q, 0);
    FILIGREE_UNROLL for (int v = 0; v < kVectors; ++v) {
      FullVec total = hn::Add(sum[0][v], sum[1][v]);
      if constexpr (kChains == 4) total = hn::Add(total, hn::Add(sum[2][v], sum[3][v]));
      hn::Store(total, d, row + v * kLanes);
    }
  }
}

template <int kVectors>
void AnyRuns(int vectors, const DsdTask<float>& task, const BlockRun* run, const BlockRun* end,
             const float* x, float* sums) {
  if constexpr (kVectors > 1) {
    if (vectors < kVectors) {
      AnyRuns<kVectors - 1>(vectors, task, run, end, x, sums);
      return;
    }
  }
  Runs<kVectors>(task, run, end, x, sums);
}

// Copies `columns` elements, the last vector in part.
HWY_INLINE void CopyRow(const float* from, std::int64_t columns, float* to) {
  const Full d;
  std::int64_t c = 0;
  for (; c + kLanes <= columns; c += kLanes) hn::StoreU(hn::LoadU(d, from + c), d, to + c);
  for (; c < columns; ++c) to[c] = from[c];
}

void Dsd1(const DsdTask<float>& task) {
  const Full d;
  const Panels panels(task.columns, kMostVectors);
  float* const x = task.scratch;
  for (std::int64_t p = 0; p < panels.count(); ++p) {
    const int vectors = panels.vectors(p);
    const std::int64_t width = std::int64_t{vectors} * kLanes;
    const std::int64_t columns = panels.columns(p);
    float* const y = task.y + panels.first(p);
    CopyPanel(task.x + panels.first(p), task.x_stride, task.x_rows, columns, vectors, x);
    float* const sums = x + task.x_rows * width;
    for (std::int64_t w = task.first_group / kWindowGroups; w * kWindowGroups < task.last_group; ++w) {
      const std::int64_t begin = w * kWindowGroups;
      const std::int64_t first = begin < task.first_group ? task.first_group : begin;
      const std::int64_t last =
          begin + kWindowGroups < task.last_group ? begin + kWindowGroups : task.last_group;
      for (std::int64_t g = first; g < last; ++g) {
        float* row = sums + (g - begin) * width;
        const auto start = task.bias == nullptr ? hn::Zero(d) : hn::Set(d, task.bias[g]);
        for (std::int64_t c = 0; c < width; c += kLanes) hn::Store(start, d, row + c);
        if (!task.accumulate) continue;
        for (std::int64_t c = 0; c < columns; ++c) row[c] += y[g * task.y_stride + c];
      }
      AnyRuns<kMostVectors>(vectors, task, task.runs + task.window_offsets[w],
                            task.runs + task.window_offsets[w + 1], x, sums - begin * width);
      for (std::int64_t g = first; g < last; ++g) {
        CopyRow(sums + (g - begin) * width, columns, y + g * task.y_stride);
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
