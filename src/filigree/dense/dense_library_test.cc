#include "filigree/dense/dense_library.h"

#include <gtest/gtest.h>

#include "filigree/base/philox.h"

namespace filigree::dense {
namespace {

// Each library that is installed, in each of the transpositions that benchmarks ask for.
TEST(DenseLibraries, AgreeWithPlainLoops) {
  constexpr std::int64_t kM = 13;
  constexpr std::int64_t kN = 7;
  constexpr std::int64_t kK = 19;
  Philox random(1, Purpose::kTest);
  std::vector<float> a(kM * kK);
  std::vector<float> b(kK * kN);
  for (float& value : a) value = static_cast<float>(random.normal());
  for (float& value : b) value = static_cast<float>(random.normal());
  const std::vector<DenseLibrary> libraries = dense_libraries();
  ASSERT_EQ(libraries.front().name, "OpenBLAS");
  for (const DenseLibrary& library : libraries) {
    for (const Transpose ta : {Transpose::kNo, Transpose::kYes}) {
      for (const Transpose tb : {Transpose::kNo, Transpose::kYes}) {
        const bool swap_a = ta == Transpose::kYes;
        const bool swap_b = tb == Transpose::kYes;
        const MatrixView<const float> a_view(a.data(), swap_a ? kK : kM, swap_a ? kM : kK);
        const MatrixView<const float> b_view(b.data(), swap_b ? kN : kK, swap_b ? kK : kN);
        std::vector<float> c(kM * kN, 99.0F);
        library.product(ta, tb, a_view, b_view, {c.data(), kM, kN});
        for (std::int64_t i = 0; i < kM; ++i) {
          for (std::int64_t j = 0; j < kN; ++j) {
            double sum = 0;
            for (std::int64_t p = 0; p < kK; ++p) {
              sum += double{swap_a ? a_view(p, i) : a_view(i, p)} * (swap_b ? b_view(j, p) : b_view(p, j));
            }
            EXPECT_NEAR(c[i * kN + j], sum, 1e-5) << library.name << " " << i << " " << j;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace filigree::dense
