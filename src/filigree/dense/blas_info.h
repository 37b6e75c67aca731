// Which BLAS this process has really loaded. The alternatives of libblas.so.3 and libopenblas.so.0 may
// name a build of OpenBLAS whose own threads fight with OpenMP's; only the running library knows.
#pragma once

#include <string>
#include <string_view>

namespace filigree::dense {

// As openblas_get_parallel() numbers them.
enum class BlasThreading { kSequential = 0, kPthreads = 1, kOpenMp = 2 };

struct BlasInfo {
  std::string file;           // where sgemm_ lies, links resolved; empty where it is linked statically
  std::string configuration;  // version and build options: "OpenBLAS 0.3.21 DYNAMIC_ARCH ..."
  std::string core;           // the kernels that it chose for this CPU: "SkylakeX"
  BlasThreading threading = BlasThreading::kSequential;
  int threads = 1;
};

BlasInfo blas_info();

// "sequential", "pthreads", "OpenMP".
std::string_view blas_threading_name(BlasThreading threading);

}  // namespace filigree::dense
