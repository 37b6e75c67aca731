#include "filigree/dense/activation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "filigree/base/isa.h"

namespace filigree::dense {
namespace {

double reference(Activation activation, double x) {
  switch (activation) {
    case Activation::kRelu: return x < 0 ? 0 : x;
    case Activation::kGelu: return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case Activation::kSilu: return x / (1 + std::exp(-x));
    case Activation::kNone: break;
  }
  return x;
}

template <typename T>
void check(double tolerance) {
  for (const ActivationName& row : kActivations) {
    const ActivationKernel<T> kernel = activation_kernel<T>(row.activation);
    if (row.activation == Activation::kNone) {
      EXPECT_EQ(kernel, nullptr);
      continue;
    }
    std::vector<T> x;
    for (int i = -400; i <= 400; ++i) x.push_back(static_cast<T>(i * 0.05));
    for (const double far : {-1e4, -100.0, -88.5, 88.5, 100.0, 1e4}) x.push_back(static_cast<T>(far));
    for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{16}, x.size()}) {
      std::vector<T> y = x;
      kernel(y.data(), static_cast<std::int64_t>(n));
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double expected = i < n ? reference(row.activation, x[i]) : static_cast<double>(x[i]);
        ASSERT_NEAR(y[i], expected, tolerance * std::max(1.0, std::abs(expected)))
            << row.name << " of " << x[i];
      }
    }
    T nan = std::numeric_limits<T>::quiet_NaN();
    kernel(&nan, 1);
    EXPECT_TRUE(std::isnan(nan)) << row.name;
  }
}

TEST(Activation, AgreesWithTheCLibrary) {
  const Isa before = chosen_isa();
  for (const Isa isa : usable_isas()) {
    force_isa(isa);
    check<float>(1e-6);
    check<double>(1e-14);
  }
  force_isa(before);
}

}  // namespace
}  // namespace filigree::dense
