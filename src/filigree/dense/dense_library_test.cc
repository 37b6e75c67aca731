#include "filigree/dense/dense_library.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "filigree/base/philox.h"

namespace filigree::dense {
namespace {

template <typename T>
double as_double(T value) {
  return static_cast<double>(value);
}
template <>
double as_double(BFloat16 value) {
  return static_cast<float>(value);
}

// Each library that is installed, in each of the transpositions that benchmarks ask for.
template <typename T>
void check(const DenseLibrary& library) {
  constexpr std::int64_t kM = 13;
  constexpr std::int64_t kN = 7;
  constexpr std::int64_t kK = 19;
  Philox random(1, Purpose::kTest);
  std::vector<T> a(kM * kK);
  std::vector<T> b(kK * kN);
  for (T& value : a) value = static_cast<T>(static_cast<float>(random.normal()));
  for (T& value : b) value = static_cast<T>(static_cast<float>(random.normal()));
  for (const Transpose ta : {Transpose::kNo, Transpose::kYes}) {
    for (const Transpose tb : {Transpose::kNo, Transpose::kYes}) {
      const bool swap_a = ta == Transpose::kYes;
      const bool swap_b = tb == Transpose::kYes;
      const MatrixView<const T> a_view(a.data(), swap_a ? kK : kM, swap_a ? kM : kK);
      const MatrixView<const T> b_view(b.data(), swap_b ? kN : kK, swap_b ? kK : kN);
      std::vector<T> c(kM * kN, T(99.0F));
      library.product<T>()(ta, tb, a_view, b_view, {c.data(), kM, kN});
      for (std::int64_t i = 0; i < kM; ++i) {
        for (std::int64_t j = 0; j < kN; ++j) {
          double sum = 0;
          for (std::int64_t p = 0; p < kK; ++p) {
            sum += as_double(swap_a ? a_view(p, i) : a_view(i, p)) *
                   as_double(swap_b ? b_view(j, p) : b_view(p, j));
          }
          const double tolerance = sizeof(T) == 2   ? std::abs(sum) / 256 + 1e-5
                                   : sizeof(T) == 4 ? 1e-5
                                                    : 1e-13;
          EXPECT_NEAR(as_double(c[i * kN + j]), sum, tolerance) << library.name << " " << i << " " << j;
        }
      }
    }
  }
}

TEST(DenseLibraries, AgreeWithPlainLoops) {
  const std::vector<DenseLibrary> libraries = dense_libraries();
  ASSERT_EQ(libraries.front().name, "OpenBLAS");
  for (const DenseLibrary& library : libraries) {
    check<float>(library);
    if (library.doubles != nullptr) check<double>(library);
    if (library.bfloats != nullptr) check<BFloat16>(library);
  }
}

}  // namespace
}  // namespace filigree::dense
