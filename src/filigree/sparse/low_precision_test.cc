// All products on operands of 8 and 16 bits, against the plain ones in double.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/isa.h"
#include "filigree/base/parallel.h"
#include "filigree/base/philox.h"
#include "filigree/base/test_support.h"
#include "filigree/sparse/counted_allocations.h"
#include "filigree/sparse/fp8_products.h"
#include "filigree/sparse/product.h"
#include "filigree/sparse/reference.h"

namespace filigree::sparse {
namespace {

using dense::Activation;

template <typename T>
double number(T value) {
  return double{static_cast<float>(value)};
}

// What weights, activations, gradients of activations and of weights are stored in, and results.
template <typename W, typename X = W, typename Dy = X, typename Dw = GradientOf<W>>
struct Formats {
  using Weight = W;
  using Input = X;
  using Gradient = Dy;
  using WeightGradient = Dw;
  using Result = ResultOf<W>;
};

template <typename T>
std::vector<T> normals(std::int64_t count, Philox& random) {
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values) value = static_cast<T>(static_cast<float>(random.normal()));
  return values;
}

// Activations in a layout; rows have `padding` elements behind them, which no product may touch.
template <typename T>
struct Stored {
  Stored(ActivationLayout layout, std::int64_t samples, std::int64_t features, std::int64_t padding,
         Philox& random)
      : row_major(layout == ActivationLayout::kRowMajor),
        samples(samples),
        features(features),
        stride((row_major ? samples : features) + padding),
        data(normals<T>((row_major ? features : samples) * stride, random)) {}

  std::size_t place(std::int64_t sample, std::int64_t feature) const {
    return static_cast<std::size_t>(row_major ? feature * stride + sample : sample * stride + feature);
  }
  MatrixView<T> view() {
    return {data.data(), row_major ? features : samples, row_major ? samples : features, stride};
  }
  MatrixView<const T> view() const {
    return {data.data(), row_major ? features : samples, row_major ? samples : features, stride};
  }
  // By sample, without gaps.
  std::vector<double> exact() const {
    std::vector<double> values;
    for (std::int64_t s = 0; s < samples; ++s) {
      for (std::int64_t f = 0; f < features; ++f) values.push_back(number(data[place(s, f)]));
    }
    return values;
  }

  bool row_major;
  std::int64_t samples;
  std::int64_t features;
  std::int64_t stride;
  std::vector<T> data;
};

template <typename T>
std::vector<double> exact(const std::vector<T>& values) {
  std::vector<double> result;
  result.reserve(values.size());
  for (const T value : values) result.push_back(number(value));
  return result;
}
std::vector<double> magnitude(std::vector<double> values) {
  for (double& value : values) value = std::abs(value);
  return values;
}

// Rounded once, from a sum in FP32.
template <typename T>
void expect_rounded(T got, double exact, double magnitude) {
  // Half a unit in the last place, of FP16's subnormals too. FP32's is in the sum's own.
  const double rounding = std::is_same_v<T, float>     ? 0
                          : std::is_same_v<T, Float16> ? std::max(std::abs(exact) * 0x1p-11, 0x1p-25)
                                                       : std::abs(exact) * 0x1p-8;
  ASSERT_LE(std::abs(number(got) - exact), rounding + 4e-6 * magnitude) << number(got) << ", " << exact;
}

template <typename T>
void expect_rounded(const Stored<T>& got, const Stored<T>& before, const std::vector<double>& exact,
                    const std::vector<double>& magnitude) {
  std::vector<bool> results(got.data.size(), false);
  for (std::int64_t s = 0; s < got.samples; ++s) {
    for (std::int64_t f = 0; f < got.features; ++f) {
      const auto at = static_cast<std::size_t>(s * got.features + f);
      results[got.place(s, f)] = true;
      ASSERT_NO_FATAL_FAILURE(expect_rounded(got.data[got.place(s, f)], exact[at], magnitude[at]))
          << "sample " << s << ", feature " << f;
    }
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i]) continue;
    ASSERT_EQ(got.data[i].bits, before.data[i].bits) << "behind a row";
  }
}

// The products of a layout, under one name.
template <class F>
void forward(const BsrPattern& w, const std::vector<typename F::Weight>& values,
             const Stored<typename F::Input>& x, const typename F::Result* bias,
             Stored<typename F::Result>& y, bool accumulate, Activation activation) {
  using V = typename F::Weight;
  using X = typename F::Input;
  if constexpr (Float8<V>) {
    x.row_major ? dsd<V, X>(w, values.data(), x.view(), bias, y.view(), accumulate, activation)
                : dds_transposed<X, V>(x.view(), w, values.data(), bias, y.view(), accumulate, activation);
  } else {
    x.row_major ? dsd<V>(w, values.data(), x.view(), bias, y.view(), accumulate, activation)
                : dds_transposed<V>(x.view(), w, values.data(), bias, y.view(), accumulate, activation);
  }
}
template <class F>
void input_gradient(const BsrPattern& w, const std::vector<typename F::Weight>& values,
                    const Stored<typename F::Gradient>& dy, Stored<typename F::Result>& dx, bool accumulate) {
  using V = typename F::Weight;
  using Dy = typename F::Gradient;
  if constexpr (Float8<V>) {
    dy.row_major ? dsd_transposed<V, Dy>(w, values.data(), dy.view(), dx.view(), accumulate)
                 : dds<Dy, V>(dy.view(), w, values.data(), dx.view(), accumulate);
  } else {
    dy.row_major ? dsd_transposed<V>(w, values.data(), dy.view(), dx.view(), accumulate)
                 : dds<V>(dy.view(), w, values.data(), dx.view(), accumulate);
  }
}
template <class F>
void weight_gradient(const BsrPattern& w, const Stored<typename F::Gradient>& dy,
                     const Stored<typename F::Input>& x, std::vector<typename F::WeightGradient>& gradient,
                     bool accumulate) {
  using X = typename F::Input;
  using Dy = typename F::Gradient;
  if constexpr (Float8<X>) {
    x.row_major ? sdd_row_major<Dy, X>(dy.view(), x.view(), w, gradient.data(), accumulate)
                : sdd<Dy, X>(dy.view(), x.view(), w, gradient.data(), accumulate);
  } else {
    x.row_major ? sdd_row_major<X>(dy.view(), x.view(), w, gradient.data(), accumulate)
                : sdd<X>(dy.view(), x.view(), w, gradient.data(), accumulate);
  }
}

// Operands of one shape.
template <class F>
struct Problem {
  using Result = typename F::Result;
  using WeightGradient = typename F::WeightGradient;

  Problem(const BsrPattern& w, ActivationLayout layout, std::int64_t n, std::int64_t padding)
      : w(w),
        random(11, Purpose::kTest, static_cast<std::uint64_t>(n)),
        values(normals<typename F::Weight>(w.value_count(), random)),
        x(layout, n, w.columns(), padding, random),
        dy(layout, n, w.rows(), padding, random),
        bias(normals<Result>(w.rows(), random)),
        y(layout, n, w.rows(), padding, random),
        dx(layout, n, w.columns(), padding, random),
        gradient(normals<WeightGradient>(w.value_count(), random)) {}

  void check(bool accumulate, bool with_bias, Activation activation) const {
    check_forward(accumulate, with_bias, activation);
    check_input_gradient(accumulate);
    check_weight_gradient(accumulate);
  }

  void check_forward(bool accumulate, bool with_bias, Activation activation) const {
    SCOPED_TRACE("forward");
    Stored<Result> got = y;
    forward<F>(w, values, x, with_bias ? bias.data() : nullptr, got, accumulate, activation);
    const auto run = [&](std::vector<double> (*of)(std::vector<double>)) {
      std::vector<double> sums = of(y.exact());
      const std::vector<double> inputs = of(x.exact());
      const std::vector<double> weights = of(exact(values));
      const std::vector<double> biases = of(exact(bias));
      reference::dds_transposed<double>({inputs.data(), x.samples, w.columns()}, w, weights.data(),
                                        with_bias ? biases.data() : nullptr,
                                        {sums.data(), x.samples, w.rows()}, accumulate);
      return sums;
    };
    std::vector<double> sums = run(same);
    if (activation != Activation::kNone) {
      dense::activation_kernel<double>(activation)(sums.data(), static_cast<std::int64_t>(sums.size()));
    }
    expect_rounded(got, y, sums, run(magnitude));
  }

  void check_input_gradient(bool accumulate) const {
    SCOPED_TRACE("grad-input");
    Stored<Result> got = dx;
    input_gradient<F>(w, values, dy, got, accumulate);
    const auto run = [&](std::vector<double> (*of)(std::vector<double>)) {
      std::vector<double> sums = of(dx.exact());
      const std::vector<double> gradients = of(dy.exact());
      const std::vector<double> weights = of(exact(values));
      reference::dds<double>({gradients.data(), x.samples, w.rows()}, w, weights.data(),
                             {sums.data(), x.samples, w.columns()}, accumulate);
      return sums;
    };
    expect_rounded(got, dx, run(same), run(magnitude));
  }

  void check_weight_gradient(bool accumulate) const {
    SCOPED_TRACE("grad-weight");
    std::vector<WeightGradient> got = gradient;
    weight_gradient<F>(w, dy, x, got, accumulate);
    const auto run = [&](std::vector<double> (*of)(std::vector<double>)) {
      std::vector<double> sums = of(exact(gradient));
      const std::vector<double> gradients = of(dy.exact());
      const std::vector<double> inputs = of(x.exact());
      reference::sdd<double>({gradients.data(), x.samples, w.rows()}, {inputs.data(), x.samples, w.columns()},
                             w, sums.data(), accumulate);
      return sums;
    };
    const std::vector<double> sums = run(same);
    const std::vector<double> magnitudes = run(magnitude);
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_NO_FATAL_FAILURE(expect_rounded(got[i], sums[i], magnitudes[i])) << i;
    }
  }

  // Of all results, as floats.
  std::vector<std::uint32_t> bits() const {
    Stored<Result> outputs = y;
    Stored<Result> inputs = dx;
    std::vector<WeightGradient> weights = gradient;
    forward<F>(w, values, x, bias.data(), outputs, false, Activation::kNone);
    input_gradient<F>(w, values, dy, inputs, false);
    weight_gradient<F>(w, dy, x, weights, true);
    std::vector<std::uint32_t> all;
    const auto add = [&](const auto& results) {
      for (const auto result : results)
        all.push_back(std::bit_cast<std::uint32_t>(static_cast<float>(result)));
    };
    add(outputs.data);
    add(inputs.data);
    add(weights);
    return all;
  }

  static std::vector<double> same(std::vector<double> values) { return values; }

  const BsrPattern& w;
  Philox random;
  std::vector<typename F::Weight> values;
  Stored<typename F::Input> x;
  Stored<typename F::Gradient> dy;
  std::vector<Result> bias;
  Stored<Result> y;
  Stored<Result> dx;
  std::vector<WeightGradient> gradient;
};

BsrPattern draw(std::int64_t rows, std::int64_t columns, BlockShape block, double density) {
  Philox random(5, Purpose::kTest);
  return BsrPattern::random(rows, columns, block, block_count_for_density(rows, columns, block, density),
                            random);
}

void on_every_isa_and_layout(const std::function<void(ActivationLayout)>& body) {
  const Isa before = chosen_isa();
  for (const Isa isa : usable_isas()) {
    for (const ActivationLayoutName& layout : kActivationLayouts) {
      SCOPED_TRACE(fmt::format("{}, {}", isa_name(isa), layout.name));
      force_isa(isa);
      body(layout.layout);
    }
  }
  force_isa(before);
}

template <class F>
class LowPrecision : public testing::Test {};
using AllFormats =
    testing::Types<Formats<BFloat16>, Formats<Float16>, Formats<Float8E4M3>, Formats<Float8E5M2>,
                   Formats<Float8E4M3, Float8E4M3, Float8E5M2>, Formats<Float8E5M2, Float8E4M3, Float8E4M3>,
                   Formats<BFloat16, BFloat16, BFloat16, float>, Formats<Float16, Float16, Float16, float>>;
TYPED_TEST_SUITE(LowPrecision, AllFormats);

TYPED_TEST(LowPrecision, AgreesWithTheReference) {
  for (const BlockShape block : kBlockShapes) {
    const std::int64_t height = block.rows == 1 ? 23 : block.rows;
    const std::int64_t width = block.columns == 1 ? 23 : block.columns;
    const bool large = block.values() > 256;
    const BsrPattern w = draw((large ? 1 : 3) * height, (large ? 2 : 4) * width, block, 0.4);
    for (const std::int64_t n : {0, 1, 17, 100}) {
      SCOPED_TRACE(fmt::format("blocks of {}, n {}", block.text(), n));
      on_every_isa_and_layout([&](ActivationLayout layout) {
        const Problem<TypeParam> problem(w, layout, n, n % 2 == 0 ? 0 : 3);
        problem.check(false, false, Activation::kNone);
        problem.check(true, true, Activation::kNone);
        problem.check_forward(true, false, Activation::kRelu);
        problem.check_forward(false, true, Activation::kGelu);
      });
      if (this->HasFatalFailure()) return;
    }
  }
}

TYPED_TEST(LowPrecision, AgreesWithTheReferenceForRaggedSizes) {
  for (const BlockShape block : kBlockShapes) {
    if (block == 1) continue;
    SCOPED_TRACE(block.text());
    const BsrPattern patterns[] = {draw(2 * block.rows + 1, 2 * block.columns - 1, block, 0.6),
                                   draw(1, 1, block, 1)};
    on_every_isa_and_layout([&](ActivationLayout layout) {
      for (const BsrPattern& w : patterns) {
        const Problem<TypeParam> problem(w, layout, 19, 2);
        problem.check(false, true, Activation::kNone);
        problem.check(true, true, Activation::kSilu);
      }
    });
    if (this->HasFatalFailure()) return;
  }
}

// More samples than are converted at a time: sums over all of them are rounded once.
TYPED_TEST(LowPrecision, RoundsOnceAndGivesTheSameBitsForAnyNumberOfThreads) {
  const int threads_before = thread_count();
  for (const int block : {1, 2, 4, 8, 32}) {
    SCOPED_TRACE(block);
    const BsrPattern w = draw(block == 1 ? 17 : 2 * block, block == 1 ? 9 : 3 * block, block, 0.5);
    on_every_isa_and_layout([&](ActivationLayout layout) {
      const Problem<TypeParam> problem(w, layout, 1300, 1);
      set_thread_count(1);
      problem.check(true, true, Activation::kNone);
      const std::vector<std::uint32_t> expected = problem.bits();
      for (const int threads : {2, 3, 5}) {
        set_thread_count(threads);
        EXPECT_EQ(problem.bits(), expected) << threads << " threads";
      }
      set_thread_count(threads_before);
    });
  }
}

TYPED_TEST(LowPrecision, AllocatesNothingAfterTheFirstCall) {
  const int threads_before = thread_count();
  set_thread_count(1);
  for (const int block : {1, 2, 16}) {
    for (const std::int64_t edge : {0, 1}) {
      if (block == 1 && edge > 0) continue;
      const BsrPattern w = draw(4 * block + edge, 3 * block + edge, block, 0.7);
      on_every_isa_and_layout([&](ActivationLayout layout) {
        const Problem<TypeParam> problem(w, layout, 600, 0);
        Stored<typename TypeParam::Result> y = problem.y;
        Stored<typename TypeParam::Result> dx = problem.dx;
        std::vector<typename TypeParam::WeightGradient> gradient = problem.gradient;
        const auto all = [&] {
          forward<TypeParam>(w, problem.values, problem.x, problem.bias.data(), y, true, Activation::kRelu);
          input_gradient<TypeParam>(w, problem.values, problem.dy, dx, true);
          weight_gradient<TypeParam>(w, problem.dy, problem.x, gradient, true);
        };
        all();
        const std::int64_t before = test::allocation_count();
        all();
        EXPECT_EQ(test::allocation_count(), before) << block << ", " << edge;
      });
    }
  }
  set_thread_count(threads_before);
}

// FP8 is exact in BF16: so are its products.
TEST(Fp8Products, AreThoseOfBFloat16) {
  using Mixed = Formats<Float8E4M3, Float8E4M3, Float8E5M2>;
  for (const BlockShape block : kBlockShapes) {
    SCOPED_TRACE(block.text());
    const BsrPattern w = draw(2 * block.rows + (block != 1 ? 1 : 0), 3 * block.columns, block, 0.6);
    on_every_isa_and_layout([&](ActivationLayout layout) {
      const Problem<Mixed> narrow(w, layout, 150, 0);
      Problem<Formats<BFloat16, BFloat16, BFloat16, float>> wide(w, layout, 150, 0);
      const auto widen = [](const auto& from, std::vector<BFloat16>& to) {
        for (std::size_t i = 0; i < from.size(); ++i) to[i] = BFloat16(static_cast<float>(from[i]));
      };
      widen(narrow.values, wide.values);
      widen(narrow.x.data, wide.x.data);
      widen(narrow.dy.data, wide.dy.data);
      wide.bias = narrow.bias;
      wide.gradient = narrow.gradient;
      EXPECT_EQ(narrow.bits(), wide.bits());
    });
  }
}

// As those of floats do, in the same words.
TYPED_TEST(LowPrecision, RefusesShapesThatDoNotFit) {
  const BsrPattern w = draw(24, 16, 8, 0.5);
  for (const ActivationLayoutName& layout : kActivationLayouts) {
    const auto errors = [&]<class F>(F) {
      const Problem<F> problem(w, layout.layout, 5, 0);
      const Problem<F> fewer(w, layout.layout, 4, 0);
      Stored<typename F::Result> y = problem.y;
      Stored<typename F::Result> dx = problem.dx;
      std::vector<typename F::WeightGradient> gradient = problem.gradient;
      const auto usage = [](const std::function<void()>& body) {
        return test::error_of(ExitCode::kUsage, body);
      };
      return std::vector<std::string>{
          usage([&] { forward<F>(w, problem.values, fewer.x, nullptr, y, false, Activation::kNone); }),
          usage([&] { input_gradient<F>(w, problem.values, fewer.dy, dx, false); }),
          usage([&] { weight_gradient<F>(w, fewer.dy, problem.x, gradient, false); })};
    };
    const std::vector<std::string> expected = errors(Formats<float>());
    EXPECT_NE(expected[0], "");
    EXPECT_EQ(errors(TypeParam()), expected);
  }
}

}  // namespace
}  // namespace filigree::sparse
