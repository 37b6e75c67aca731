#include "filigree/sparse/kernels/kernels.h"

// The kernel table: which kernel serves a block size.
namespace filigree::sparse::kernels {

template <>
DdsKernel<double> dds_kernel<double>(BlockShape block) {
  return plain_dds<double>(block);
}
template <>
DsdKernel<double> dsd_kernel<double>(BlockShape block, std::int64_t columns) {
  constexpr std::int64_t kNarrow = 4;
  if (block == 1) return plain_dsd<double>(block);
  return columns <= kNarrow ? narrow_double_dsd(block) : double_dsd(block);
}
template <>
SddKernel<double> sdd_kernel<double>(int block) {
  return plain_sdd<double>(block);
}
template <>
DdsKernel<float> dds_kernel<float>(BlockShape block) {
  if (value_order(block) == ValueOrder::kStored) return panel_dds(block);
  return block.rows >= 8 ? wide_dds(block.rows) : narrow_dds(block.rows);
}
template <>
DsdKernel<float> dsd_kernel<float>(BlockShape block, std::int64_t columns) {
  constexpr std::int64_t kNarrow = 8;
  if (block == 1) return single_dsd();
  return columns <= kNarrow ? narrow_simd_dsd(block) : simd_dsd(block);
}
template <>
DsdKernel<BFloat16> dsd_kernel<BFloat16>(BlockShape block, std::int64_t) {
  return pair_dsd(block);
}
template <>
SddKernel<float> sdd_kernel<float>(int block) {
  return block >= 8 ? wide_sdd(block) : narrow_sdd(block);
}

}  // namespace filigree::sparse::kernels
