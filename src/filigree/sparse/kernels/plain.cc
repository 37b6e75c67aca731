// Kernels as plain loops over any element type: for double, and for CPUs whose vectors we do not know.
#include "filigree/sparse/kernels/kernels.h"

namespace filigree::sparse::kernels {
namespace {

template <typename T, int kOut, int kIn>
void dds(const DdsTask<T>& task) {
  constexpr ValueOrder kOrder = value_order({kOut, kIn});
  const bool by_input = kOrder == ValueOrder::kByInput || (kOrder == ValueOrder::kStored && task.transposed);
  // For blocks of 1 both are 1: no two branches that differ.
  const int per_input = by_input ? kOut : 1;  // NOLINT(bugprone-branch-clone)
  const int per_output = by_input ? 1 : kIn;  // NOLINT(bugprone-branch-clone)
  for (std::int64_t t = 0; t < task.tokens; ++t) {
    const T* x = task.x + t * task.x_stride;
    for (std::int64_t g = task.first_group; g < task.last_group; ++g) {
      T* y = task.y + t * task.y_stride + g * kOut;
      T sum[kOut];
      for (int o = 0; o < kOut; ++o) {
        sum[o] = (task.accumulate ? y[o] : T{0}) + (task.bias != nullptr ? task.bias[g * kOut + o] : T{0});
      }
      for (std::int64_t q = task.blocks.offsets[g]; q < task.blocks.offsets[g + 1]; ++q) {
        const T* w = task.values + task.blocks.position(q) * kOut * kIn;
        const T* x_block = x + std::int64_t{task.blocks.others[q]} * kIn;
        for (int i = 0; i < kIn; ++i) {
          for (int o = 0; o < kOut; ++o) sum[o] += x_block[i] * w[i * per_input + o * per_output];
        }
      }
      for (int o = 0; o < kOut; ++o) y[o] = sum[o];
    }
  }
}

template <typename T, int kOut, int kIn>
void dsd(const DsdTask<T>& task) {
  // For blocks of 1 both are 1: no two branches that differ.
  const std::int64_t per_row = task.transposed ? 1 : kIn;     // NOLINT(bugprone-branch-clone)
  const std::int64_t per_input = task.transposed ? kOut : 1;  // NOLINT(bugprone-branch-clone)
  for (std::int64_t r = task.first_group * kOut; r < task.last_group * kOut; ++r) {
    const std::int64_t g = r / kOut;
    T* y = task.y + r * task.y_stride;
    const T start = task.bias != nullptr ? task.bias[r] : T{0};
    for (std::int64_t c = 0; c < task.columns; ++c) y[c] = (task.accumulate ? y[c] : T{0}) + start;
    for (std::int64_t q = task.blocks.offsets[g]; q < task.blocks.offsets[g + 1]; ++q) {
      const T* w = task.values + task.blocks.position(q) * kOut * kIn + (r - g * kOut) * per_row;
      const T* x = task.x + std::int64_t{task.blocks.others[q]} * kIn * task.x_stride;
      for (int i = 0; i < kIn; ++i, x += task.x_stride) {
        for (std::int64_t c = 0; c < task.columns; ++c) y[c] += w[i * per_input] * x[c];
      }
    }
    if (task.activation != nullptr) task.activation(y, task.columns);
  }
}

template <typename T, int kBlock>
void sdd(const SddTask<T>& task) {
  for (std::int64_t g = task.first_group; g < task.last_group; ++g) {
    for (std::int64_t q = task.blocks.offsets[g]; q < task.blocks.offsets[g + 1]; ++q) {
      const std::int64_t column = task.blocks.others[q];
      if (column < task.first_column || column >= task.last_column) continue;
      T* gradient = task.gradient + q * kBlock * kBlock;
      T sum[kBlock * kBlock];
      for (int i = 0; i < kBlock * kBlock; ++i) sum[i] = task.accumulate ? gradient[i] : T{0};
      for (std::int64_t t = 0; t < task.tokens; ++t) {
        for (int i = 0; i < kBlock; ++i) {
          const T dy = *task.dy.at(g * kBlock + i, t);
          for (int j = 0; j < kBlock; ++j) {
            sum[i * kBlock + j] += dy * *task.x.at(column * kBlock + j, t);
          }
        }
      }
      for (int i = 0; i < kBlock * kBlock; ++i) gradient[i] = sum[i];
    }
  }
}

}  // namespace

template <typename T>
DdsKernel<T> plain_dds(BlockShape block) {
  if (block == BlockShape(1, 16)) return dds<T, 1, 16>;
  if (block == BlockShape(16, 1)) return dds<T, 16, 1>;
  if (block == BlockShape(4, 1)) return dds<T, 4, 1>;
  if (block == BlockShape(1, 4)) return dds<T, 1, 4>;
  switch (block.rows) {
    case 1: return dds<T, 1, 1>;
    case 2: return dds<T, 2, 2>;
    case 4: return dds<T, 4, 4>;
    case 8: return dds<T, 8, 8>;
    default: return dds<T, 16, 16>;
  }
}

template <typename T>
DsdKernel<T> plain_dsd(BlockShape block) {
  if (block == BlockShape(1, 16)) return dsd<T, 1, 16>;
  if (block == BlockShape(16, 1)) return dsd<T, 16, 1>;
  if (block == BlockShape(4, 1)) return dsd<T, 4, 1>;
  if (block == BlockShape(1, 4)) return dsd<T, 1, 4>;
  switch (block.rows) {
    case 1: return dsd<T, 1, 1>;
    case 2: return dsd<T, 2, 2>;
    case 4: return dsd<T, 4, 4>;
    case 8: return dsd<T, 8, 8>;
    case 16: return dsd<T, 16, 16>;
    case 32: return dsd<T, 32, 32>;
    default: return dsd<T, 64, 64>;
  }
}

template <typename T>
SddKernel<T> plain_sdd(int block) {
  switch (block) {
    case 1: return sdd<T, 1>;
    case 4: return sdd<T, 4>;
    case 8: return sdd<T, 8>;
    default: return sdd<T, 16>;
  }
}

template DdsKernel<float> plain_dds<float>(BlockShape);
template DdsKernel<double> plain_dds<double>(BlockShape);
template DsdKernel<float> plain_dsd<float>(BlockShape);
template DsdKernel<double> plain_dsd<double>(BlockShape);
template SddKernel<float> plain_sdd<float>(int);
template SddKernel<double> plain_sdd<double>(int);

}  // namespace filigree::sparse::kernels
