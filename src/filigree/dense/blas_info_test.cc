#include "filigree/dense/blas_info.h"

#include <cblas.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "filigree/base/file.h"

namespace filigree::dense {
namespace {

// The build links OpenBLAS's OpenMP build by its full path; a pthread build here means that the
// loader found another one, and that every product competes with our own threads.
TEST(BlasInfo, TheLoadedOpenBlasThreadsWithOpenMp) {
  EXPECT_EQ(::openblas_get_parallel(), 2);
  EXPECT_EQ(blas_info().threading, BlasThreading::kOpenMp) << blas_info().file;
}

TEST(BlasInfo, NamesAFileThatThisProcessHasMapped) {
  const std::string file = blas_info().file;
  ASSERT_TRUE(std::filesystem::exists(file)) << file;
  EXPECT_NE(file.find("openblas"), std::string::npos) << file;
  EXPECT_TRUE(std::filesystem::path(file).is_absolute()) << file;
}

TEST(BlasInfo, SaysVersionKernelsAndThreads) {
  const BlasInfo info = blas_info();
  EXPECT_EQ(info.configuration.find("OpenBLAS "), 0U) << info.configuration;
  EXPECT_FALSE(info.core.empty());
  EXPECT_GE(info.threads, 1);
}

TEST(BlasInfo, NamesEveryThreading) {
  EXPECT_EQ(blas_threading_name(BlasThreading::kSequential), "sequential");
  EXPECT_EQ(blas_threading_name(BlasThreading::kPthreads), "pthreads");
  EXPECT_EQ(blas_threading_name(BlasThreading::kOpenMp), "OpenMP");
}

}  // namespace
}  // namespace filigree::dense
