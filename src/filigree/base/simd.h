// The front of every file of SIMD kernels. Such a file is written once and compiled for each target:
//
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "filigree/sparse/kernels/x.cc"  // this file
//   #include <hwy/foreach_target.h>
//   #include <hwy/highway.h>
//   HWY_BEFORE_NAMESPACE();
//   namespace filigree::sparse::HWY_NAMESPACE { ...kernels... }
//   HWY_AFTER_NAMESPACE();
//   #if HWY_ONCE
//   namespace filigree::sparse { HWY_EXPORT(Kernel); void kernel(...) { simd_call; } }
//   #endif
//
// Include this header first: it limits the targets to AVX-512, AVX2 and the compiler's baseline.
// Dispatch with FILIGREE_SIMD(Kernel)(arguments), which honours FILIGREE_ISA.
#pragma once

#define HWY_DISABLED_TARGETS (HWY_SSE4 | HWY_SSSE3 | HWY_AVX3_DL)

#include "filigree/base/isa.h"

// Highway 1.0.3 can only call through its table; later versions have HWY_DYNAMIC_POINTER. The table's
// entry 0 stands for "not yet chosen", which chosen_isa() has excluded.
#define FILIGREE_SIMD(kernel) \
  (::filigree::chosen_isa(), HWY_DISPATCH_TABLE(kernel)[hwy::GetChosenTarget().GetIndex()])

// The same on AVX2, where the CPU has AVX-512: for kernels that would leave most of its lanes empty.
#define FILIGREE_SIMD_AVX2(kernel)                                                                \
  HWY_DISPATCH_TABLE(kernel)                                                                      \
  [::filigree::chosen_isa() < ::filigree::Isa::kAvx512 ? hwy::GetChosenTarget().GetIndex() : [] { \
    hwy::ChosenTarget avx2;                                                                       \
    avx2.Update(HWY_AVX2);                                                                        \
    return avx2.GetIndex();                                                                       \
  }()]
