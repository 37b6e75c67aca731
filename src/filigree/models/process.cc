#include "filigree/models/process.h"

#include "filigree/nn/torch.h"
//
#include <ATen/Parallel.h>
#include <malloc.h>

#include "filigree/base/isa.h"
#include "filigree/base/parallel.h"
#include "filigree/dense/gemm.h"

namespace filigree::models {

void prepare_process(int threads) {
  (void)chosen_isa();  // a wrong FILIGREE_ISA is an error before a folder is made
  set_thread_count(threads);
  dense::set_blas_threads();
  at::set_num_threads(thread_count());
  // Activations are megabytes each. By default glibc maps and unmaps them every time, and each fresh page
  // faults.
  constexpr int kNever = 1 << 30;
  mallopt(M_MMAP_THRESHOLD, kNever);
  mallopt(M_TRIM_THRESHOLD, kNever);
}

}  // namespace filigree::models
