#include "filigree/dense/blas_info.h"

#include <cblas.h>
#include <dlfcn.h>

#include <filesystem>
#include <system_error>

namespace filigree::dense {
namespace {

// The file that calls of a BLAS function really reach, LibTorch's too: the first that exports it.
std::string loaded_file() {
  Dl_info where{};
  const void* function = ::dlsym(RTLD_DEFAULT, "sgemm_");
  if (function == nullptr || ::dladdr(function, &where) == 0 || where.dli_fname == nullptr) return {};
  std::error_code error;
  const std::filesystem::path file = std::filesystem::canonical(where.dli_fname, error);
  return error ? where.dli_fname : file.string();
}

}  // namespace

BlasInfo blas_info() {
  return {.file = loaded_file(),
          .configuration = ::openblas_get_config(),
          .core = ::openblas_get_corename(),
          .threading = static_cast<BlasThreading>(::openblas_get_parallel()),
          .threads = ::openblas_get_num_threads()};
}

std::string_view blas_threading_name(BlasThreading threading) {
  switch (threading) {
    case BlasThreading::kSequential: return "sequential";
    case BlasThreading::kPthreads: return "pthreads";
    case BlasThreading::kOpenMp: return "OpenMP";
  }
  return "unknown";
}

}  // namespace filigree::dense
