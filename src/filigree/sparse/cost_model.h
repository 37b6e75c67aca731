// What products are expected to cost: what a plan decides by.
#pragma once

#include <cstdint>

#include "filigree/base/isa.h"
#include "filigree/sparse/bsr_pattern.h"
#include "filigree/sparse/product.h"

namespace filigree::sparse {

// What a product is made of, besides the pattern.
struct Workload {
  Product product = Product::kForward;
  ActivationLayout layout = ActivationLayout::kRowMajor;
  // Bytes of an element: 1, 2, 4 or 8.
  int element_bytes = 4;
  // Whether elements are BF16, or become so before they are multiplied.
  bool multiplies_bf16 = false;
  // Columns or tokens of the activations.
  std::int64_t samples = 1;
  int threads = 1;
  Isa isa = Isa::kPortable;
};

// In floating-point operations that one thread would do meanwhile at the peak of FP32 multiply-adds
// (dense::fma_peak_gflops() on one thread): seconds times that rate.
struct Cost {
  double flops = 0;   // of the non-zeros
  double bytes = 0;   // of the blocks and the activations, each once
  double sparse = 0;  // by the sparse kernels
  double dense = 0;   // by a dense product, with the dense copy of the weights (or of their gradient)
};

// Constants were fitted to times measured on Zen 4, with AVX-512 and held to AVX2; what is modelled is the
// number of operations, the vectors that samples fill, the values and activations moved and the threads that
// share them.
Cost estimate_cost(const BsrPattern& w, const Workload& workload);

}  // namespace filigree::sparse
