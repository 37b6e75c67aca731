// Products in FP32 beside the same in FP64: as near as dense products are.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "filigree/base/isa.h"
#include "filigree/sparse/dense_fallback.h"
#include "filigree/sparse/few_columns.h"
#include "filigree/sparse/plan.h"

namespace filigree::sparse {
namespace {

template <typename T>
std::vector<T> cast_all(const std::vector<float>& from) {
  return {from.begin(), from.end()};
}

// A product of each kind: its two factors are values or activations.
struct ProductCase {
  BsrPattern w;
  PlanOptions options;
  std::vector<float> values;
  std::vector<float> x;
  std::vector<float> dy;

  std::int64_t samples() const { return options.samples; }

  template <typename T>
  MatrixView<const T> view(const std::vector<T>& data, std::int64_t features) const {
    return options.layout == ActivationLayout::kRowMajor
               ? MatrixView<const T>(data.data(), features, samples())
               : MatrixView<const T>(data.data(), samples(), features);
  }
  template <typename T>
  MatrixView<T> view(std::vector<T>& data, std::int64_t features) const {
    return options.layout == ActivationLayout::kRowMajor ? MatrixView<T>(data.data(), features, samples())
                                                         : MatrixView<T>(data.data(), samples(), features);
  }

  // By sparse kernels, or by a dense product.
  template <typename T>
  std::vector<double> run(const std::vector<float>& weights, bool dense) const {
    const std::vector<T> v = cast_all<T>(weights);
    const std::vector<T> in = cast_all<T>(x);
    const std::vector<T> grad = cast_all<T>(dy);
    const bool forward = options.product == Product::kForward;
    std::vector<T> out;
    if (options.product == Product::kGradWeight) {
      out.resize(static_cast<std::size_t>(w.value_count()));
      const auto dy_view = view<T>(grad, w.rows());
      const auto x_view = view<T>(in, w.columns());
      if (dense) {
        dense_gradient<T>(options.layout, dy_view, x_view, w, out.data(), false);
      } else {
        Plan<T>(w, options).gradient(dy_view, x_view, out.data());
      }
    } else {
      const std::int64_t outputs = forward ? w.rows() : w.columns();
      out.resize(static_cast<std::size_t>(outputs * samples()));
      const auto from = forward ? view<T>(in, w.columns()) : view<T>(grad, w.rows());
      if (dense) {
        dense_multiply<T>(options.product, options.layout, w, v.data(), from, nullptr, view<T>(out, outputs),
                          false, dense::Activation::kNone);
      } else {
        Plan<T>(w, options).multiply(v.data(), from, nullptr, view<T>(out, outputs));
      }
    }
    return {out.begin(), out.end()};
  }
};

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}

std::vector<float> normals(std::int64_t count, Philox& random) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

// Many samples, and as few as have kernels of their own.
void for_each_product(const std::function<void(const ProductCase&)>& body) {
  for (const std::int64_t samples : {1, 3, 8, 1000}) {
    for (const BlockShape block : kBlockShapes) {
      for (const ActivationLayoutName& layout : kActivationLayouts) {
        for (const ProductName& product : kProducts) {
          // Blocks that have no kernel for few samples sum one product after another, where OpenBLAS's gemv
          // has many sums: their error is 2.1 to 2.7 times its.
          if (samples <= 8 && product.product == Product::kForward &&
              !has_few_columns_kernel(block, samples)) {
            continue;
          }
          SCOPED_TRACE(std::to_string(samples) + ", " + block.text() + ", " + std::string(product.name) +
                       ", " + std::string(layout.name));
          Philox random(4, Purpose::kTest);
          const std::int64_t count = block_count_for_density(192, 256, block, 0.25);
          const BsrPattern w = BsrPattern::random(192, 256, block, count, random);
          body({w,
                {.product = product.product,
                 .layout = layout.layout,
                 .samples = samples,
                 .dense_fallback = false},
                normals(w.value_count(), random),
                normals(256 * samples, random),
                normals(192 * samples, random)});
        }
      }
    }
  }
}

TEST(Accuracy, IsThatOfDenseProducts) {
  const Isa before = chosen_isa();
  for (const Isa isa : usable_isas()) {
    SCOPED_TRACE(isa_name(isa));
    force_isa(isa);
    for_each_product([](const ProductCase& product) {
      const std::vector<double> exact = product.run<double>(product.values, true);
      const double dense = distance(product.run<float>(product.values, true), exact);
      const double sparse = distance(product.run<float>(product.values, false), exact);
      EXPECT_GT(dense, 0);
      EXPECT_LE(sparse, 2 * dense);
    });
  }
  force_isa(before);
}

// The test of the test: weights that lost their last 7 bits are noticed.
TEST(Accuracy, OfWeightsWithoutTheirLastBitsIsLess) {
  for_each_product([](const ProductCase& product) {
    if (product.options.product == Product::kGradWeight) return;
    std::vector<float> coarse = product.values;
    for (float& value : coarse) {
      const float step = std::ldexp(1.0F, std::ilogb(value) - 16);
      value = std::round(value / step) * step;
    }
    const std::vector<double> exact = product.run<double>(product.values, true);
    const double dense = distance(product.run<float>(product.values, true), exact);
    EXPECT_GT(distance(product.run<float>(coarse, false), exact), 2 * dense);
  });
}

}  // namespace
}  // namespace filigree::sparse
