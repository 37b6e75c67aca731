#include "filigree/sparse/products.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "filigree/base/error.h"
#include "filigree/base/isa.h"
#include "filigree/base/parallel.h"
#include "filigree/sparse/reference.h"

namespace filigree::sparse {
namespace {

constexpr std::int64_t kTokenCounts[] = {0, 1, 2, 5, 11, 15, 16, 17, 31, 33, 64, 100, 257};

// Rows with padding behind them, which no product may touch.
template <typename T>
struct Matrix {
  static constexpr T kPadding = T{-12345};

  Matrix(std::int64_t rows, std::int64_t columns, std::int64_t stride, Philox& random)
      : rows(rows),
        columns(columns),
        stride(stride),
        data(static_cast<std::size_t>(rows * stride), kPadding) {
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < columns; ++c) view()(r, c) = static_cast<T>(random.normal());
    }
  }
  MatrixView<T> view() { return {data.data(), rows, columns, stride}; }
  MatrixView<const T> view() const { return {data.data(), rows, columns, stride}; }

  template <typename U>
  Matrix<U> as(const std::function<U(T)>& convert) const {
    Philox random(0, Purpose::kTest);
    Matrix<U> result(0, columns, stride, random);
    result.rows = rows;
    for (const T value : data) result.data.push_back(convert(value));
    return result;
  }
  Matrix<double> exact() const {
    return as<double>([](T value) { return double{value}; });
  }
  Matrix<double> magnitude() const {
    return as<double>([](T value) { return std::abs(double{value}); });
  }

  std::int64_t rows;
  std::int64_t columns;
  std::int64_t stride;
  std::vector<T> data;
};

template <typename T>
std::vector<double> magnitudes(const std::vector<T>& values) {
  std::vector<double> result;
  result.reserve(values.size());
  for (const T value : values) result.push_back(std::abs(double{value}));
  return result;
}

// |got - exact| within a tolerance relative to the sum of the magnitudes that were added.
template <typename T>
void expect_near(const std::vector<T>& got, const std::vector<double>& exact,
                 const std::vector<double>& magnitude) {
  const double tolerance = sizeof(T) == 4 ? 3e-6 : 1e-14;
  ASSERT_EQ(got.size(), exact.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::abs(double{got[i]} - exact[i]) <= tolerance * std::abs(magnitude[i])) continue;
    FAIL() << "element " << i << ": " << got[i] << " instead of " << exact[i];
  }
}

template <typename T>
std::vector<T> normals(std::int64_t count, Philox& random) {
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values) value = static_cast<T>(random.normal());
  return values;
}

std::vector<double> exact(const std::vector<float>& values) { return {values.begin(), values.end()}; }
std::vector<double> exact(const std::vector<double>& values) { return values; }

// One shape: inputs, and what each product must give, from the reference in double.
template <typename T>
class Problem {
 public:
  Problem(const BsrPattern& w, std::int64_t tokens, std::int64_t x_stride, std::int64_t y_stride)
      : w_(w),
        random_(3, Purpose::kTest, static_cast<std::uint64_t>(tokens)),
        x_(tokens, w.columns(), x_stride, random_),
        y_(tokens, w.rows(), y_stride, random_),
        values_(normals<T>(w.value_count(), random_)),
        bias_(normals<T>(w.rows(), random_)) {
    for (const bool accumulate : {false, true}) {
      for (const bool with_bias : {false, true}) {
        forward_[accumulate][with_bias] =
            expect(y_, [&](const auto& x, const auto&, auto* values, auto* bias, auto y) {
              reference::dds_transposed<double>(x, w_, values, with_bias ? bias : nullptr, y, accumulate);
            });
      }
      input_gradient_[accumulate] = expect(x_, [&](const auto&, const auto& y, auto* values, auto*, auto dx) {
        reference::dds<double>(y, w_, values, dx, accumulate);
      });
      weight_gradient_[accumulate] =
          expect(values_, [&](const auto& x, const auto& y, auto*, auto*, auto* gradient) {
            reference::sdd<double>(y, x, w_, gradient, accumulate);
          });
    }
  }

  void check() const {
    for (const bool accumulate : {false, true}) {
      SCOPED_TRACE(accumulate ? "accumulate" : "");
      for (const bool with_bias : {false, true}) {
        SCOPED_TRACE(with_bias ? "dds_transposed with bias" : "dds_transposed");
        Matrix<T> got = y_;
        dds_transposed(x_.view(), w_, values_.data(), with_bias ? bias_.data() : nullptr, got.view(),
                       accumulate);
        forward_[accumulate][with_bias].compare(got.data);
      }
      {
        SCOPED_TRACE("dds");
        Matrix<T> got = x_;
        dds(y_.view(), w_, values_.data(), got.view(), accumulate);
        input_gradient_[accumulate].compare(got.data);
      }
      {
        SCOPED_TRACE("sdd");
        std::vector<T> got = values_;
        sdd(y_.view(), x_.view(), w_, got.data(), accumulate);
        weight_gradient_[accumulate].compare(got);
      }
    }
  }

 private:
  // The exact result, and the sum of the magnitudes that were added.
  struct Expected {
    void compare(const std::vector<T>& got) const { expect_near(got, exact, magnitude); }
    std::vector<double> exact;
    std::vector<double> magnitude;
  };

  // product(x, y, values, bias, result) on exact inputs, then on their magnitudes.
  template <typename Product>
  Expected expect(const Matrix<T>& before, const Product& product) const {
    Matrix<double> exact = before.exact();
    Matrix<double> magnitude = before.magnitude();
    run(x_.exact(), y_.exact(), ::filigree::sparse::exact(values_), ::filigree::sparse::exact(bias_),
        exact.view(), product);
    run(x_.magnitude(), y_.magnitude(), magnitudes(values_), magnitudes(bias_), magnitude.view(), product);
    return {exact.data, magnitude.data};
  }
  template <typename Product>
  Expected expect(const std::vector<T>& before, const Product& product) const {
    std::vector<double> exact = ::filigree::sparse::exact(before);
    std::vector<double> magnitude = magnitudes(before);
    run(x_.exact(), y_.exact(), ::filigree::sparse::exact(values_), ::filigree::sparse::exact(bias_),
        exact.data(), product);
    run(x_.magnitude(), y_.magnitude(), magnitudes(values_), magnitudes(bias_), magnitude.data(), product);
    return {exact, magnitude};
  }
  template <typename Product, typename Result>
  static void run(const Matrix<double>& x, const Matrix<double>& y, const std::vector<double>& values,
                  const std::vector<double>& bias, Result result, const Product& product) {
    product(x.view(), y.view(), values.data(), bias.data(), result);
  }

  const BsrPattern& w_;
  Philox random_;
  Matrix<T> x_;
  Matrix<T> y_;
  std::vector<T> values_;
  std::vector<T> bias_;
  Expected forward_[2][2];
  Expected input_gradient_[2];
  Expected weight_gradient_[2];
};

// Runs `body` once per instruction set of this machine.
void on_every_isa(const std::function<void()>& body) {
  const Isa before = chosen_isa();
  for (const Isa isa : usable_isas()) {
    SCOPED_TRACE(isa_name(isa));
    force_isa(isa);
    body();
  }
  force_isa(before);
}

// Both types, float on every instruction set.
void check(const BsrPattern& w, std::int64_t tokens, std::int64_t x_stride, std::int64_t y_stride) {
  const Problem<float> problem(w, tokens, x_stride, y_stride);
  on_every_isa([&] { problem.check(); });
  Problem<double>(w, tokens, x_stride, y_stride).check();
}

class Products : public testing::TestWithParam<BlockShape> {
 protected:
  BlockShape block() const { return GetParam(); }
  // Sizes that leave parts of vectors and tiles.
  std::int64_t rows() const {
    return block().rows == 1 ? 37 : block().rows > 16 ? 2 * block().rows : 7 * block().rows;
  }
  std::int64_t columns() const {
    return block().columns == 1 ? 53 : block().columns > 16 ? 4 * block().columns : 9 * block().columns;
  }

  // Some rows and columns stay empty.
  BsrPattern random_pattern() const {
    Philox random(5, Purpose::kTest);
    return BsrPattern::random(rows(), columns(), block(),
                              (rows() / block().rows * (columns() / block().columns) + 4) / 5, random);
  }
  BsrPattern full_pattern() const {
    Philox random(5, Purpose::kTest);
    return BsrPattern::random(rows(), columns(), block(),
                              rows() / block().rows * (columns() / block().columns), random);
  }
  BsrPattern one_block() const {
    Philox random(6, Purpose::kTest);
    return BsrPattern::random(rows(), columns(), block(), 1, random);
  }
};

INSTANTIATE_TEST_SUITE_P(Blocks, Products, testing::ValuesIn(kBlockShapes),
                         [](const auto& param) { return fmt::format("b{}", param.param.text()); });

TEST_P(Products, AgreeWithReferenceForEveryTokenCount) {
  const BsrPattern w = random_pattern();
  for (const std::int64_t tokens : kTokenCounts) {
    SCOPED_TRACE(tokens);
    check(w, tokens, w.columns(), w.rows());
  }
}

TEST_P(Products, AgreeWithReferenceForAnyStride) {
  const BsrPattern w = random_pattern();
  check(w, 33, w.columns() + 3, w.rows() + 5);
  check(w, 100, 1024, 2048);
}

TEST_P(Products, AgreeWithReferenceForFullAndNearlyEmptyPatterns) {
  for (const BsrPattern& w : {full_pattern(), one_block()}) check(w, 70, w.columns(), w.rows());
}

// Edges within a block.
TEST_P(Products, AgreeWithReferenceForRaggedSizes) {
  if (block() == 1) return;
  for (const auto& [rows, columns] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {2 * block().rows + 1, 3 * block().columns},
           {2 * block().rows - 1, 2 * block().columns + block().columns / 2},
           {1, 1}}) {
    Philox random(5, Purpose::kTest);
    const std::int64_t places = block_count_for_density(rows, columns, block(), 1);
    check(BsrPattern::random(rows, columns, block(), (places + 1) / 2, random), 17, columns + 1, rows + 3);
    check(BsrPattern::random(rows, columns, block(), places, random), 33, columns, rows);
  }
}

// Wide and tall matrices, in several chunks of tokens.
TEST_P(Products, AgreeWithReferenceForLargerMatrices) {
  Philox random(8, Purpose::kTest);
  const std::int64_t blocks = 4096 / block().values();
  const BsrPattern wide = BsrPattern::random(256, 512, block(), blocks, random);
  const BsrPattern tall = BsrPattern::random(512, 256, block(), blocks, random);
  check(wide, 200, wide.columns(), wide.rows());
  check(tall, 200, tall.columns(), tall.rows());
}

TEST_P(Products, AgreeWithReferenceForManyTokens) {
  const BsrPattern w = random_pattern();
  check(w, 1100, w.columns(), w.rows());
  Philox random(8, Purpose::kTest);
  const std::int64_t few = block().values() > 256 ? 1 : 2;
  const std::int64_t height = few * block().rows;
  const std::int64_t width = few * block().columns;
  const BsrPattern wide = BsrPattern::random(height, 4 * width, block(), 2 * few, random);
  const BsrPattern tall = BsrPattern::random(4 * height, width, block(), 2 * few, random);
  check(wide, 1024, wide.columns(), wide.rows());
  check(tall, 2600, tall.columns(), tall.rows());
}

TEST_P(Products, GiveTheSameBitsForAnyNumberOfThreads) {
  const BsrPattern w = random_pattern();
  constexpr std::int64_t kTokens = 1100;
  Philox random(9, Purpose::kTest);
  const Matrix<float> x(kTokens, w.columns(), w.columns(), random);
  const Matrix<float> y(kTokens, w.rows(), w.rows(), random);
  const std::vector<float> values = normals<float>(w.value_count(), random);
  const int threads_before = thread_count();
  on_every_isa([&] {
    std::vector<float> first;
    for (const int threads : {1, 2, 3, 5}) {
      set_thread_count(threads);
      std::vector<float> all;
      for (const std::int64_t tokens : {std::int64_t{20}, kTokens}) {
        Matrix<float> forward = y;
        Matrix<float> backward = x;
        forward.rows = backward.rows = tokens;
        std::vector<float> gradient = values;
        const MatrixView<const float> x_part(x.data.data(), tokens, w.columns());
        const MatrixView<const float> y_part(y.data.data(), tokens, w.rows());
        dds_transposed(x_part, w, values.data(), nullptr, forward.view());
        dds(y_part, w, values.data(), backward.view());
        sdd(y_part, x_part, w, gradient.data(), true);
        all.insert(all.end(), forward.data.begin(), forward.data.end());
        all.insert(all.end(), backward.data.begin(), backward.data.end());
        all.insert(all.end(), gradient.begin(), gradient.end());
      }
      if (first.empty()) first = all;
      EXPECT_EQ(std::memcmp(all.data(), first.data(), all.size() * sizeof(float)), 0)
          << threads << " threads";
    }
  });
  set_thread_count(threads_before);
}

// The tail of a copied tile may hold anything: infinities elsewhere must not leak into other tokens.
TEST_P(Products, KeepTokensApart) {
  const BsrPattern w = full_pattern();
  on_every_isa([&] {
    Philox random(10, Purpose::kTest);
    Matrix<float> x(67, w.columns(), w.columns(), random);
    for (std::int64_t c = 0; c < w.columns(); ++c) x.view()(66, c) = INFINITY;
    const std::vector<float> values = normals<float>(w.value_count(), random);
    Matrix<float> y(67, w.rows(), w.rows(), random);
    dds_transposed(x.view(), w, values.data(), nullptr, y.view());
    for (std::int64_t t = 0; t < 66; ++t) {
      for (std::int64_t r = 0; r < w.rows(); ++r) ASSERT_TRUE(std::isfinite(y.view()(t, r))) << t << " " << r;
    }
    // And what an earlier call left in scratch memory must not reach a later one.
    const MatrixView<const float> few(x.data.data(), 3, w.columns());
    const MatrixView<const float> few_y(y.data.data(), 3, w.rows());
    std::vector<float> gradient(static_cast<std::size_t>(w.value_count()));
    sdd(few_y, few, w, gradient.data());
    for (const float g : gradient) ASSERT_TRUE(std::isfinite(g));
  });
}

TEST_P(Products, RefuseShapesThatDoNotFit) {
  const BsrPattern w = one_block();
  Philox random(12, Purpose::kTest);
  Matrix<float> x(3, w.columns(), w.columns(), random);
  Matrix<float> y(3, w.rows(), w.rows(), random);
  std::vector<float> values(static_cast<std::size_t>(w.value_count()));
  const auto refused = [](const std::function<void()>& body) {
    try {
      body();
    } catch (const Error& error) {
      return error.code() == ExitCode::kUsage;
    }
    return false;
  };
  const MatrixView<float> short_y(y.data.data(), 2, w.rows());
  const MatrixView<float> narrow_x(x.data.data(), 3, w.columns() - 1);
  const MatrixView<float> tight_x(x.data.data(), 3, w.columns(), w.columns() - 1);
  EXPECT_TRUE(refused([&] { dds_transposed(x.view(), w, values.data(), nullptr, short_y); }));
  EXPECT_TRUE(refused([&] { dds_transposed(narrow_x, w, values.data(), nullptr, y.view()); }));
  EXPECT_TRUE(refused([&] { dds(short_y, w, values.data(), x.view()); }));
  EXPECT_TRUE(refused([&] { dds(y.view(), w, values.data(), tight_x); }));
  EXPECT_TRUE(refused([&] { sdd(short_y, x.view(), w, values.data()); }));
  EXPECT_TRUE(refused([&] { sdd(y.view(), narrow_x, w, values.data()); }));
}

// More places for single elements than 32-bit indices count: only those that exist matter.
TEST(LargeProducts, TakeFewBlocksInManyPlaces) {
  const std::int64_t size = std::int64_t{1} << 16;
  std::vector<std::int32_t> offsets(static_cast<std::size_t>(size / 2) + 1, 1);
  offsets.front() = 0;
  const BsrPattern w(size, size, 2, std::move(offsets), {3});
  const std::vector<float> values{1, 2, 3, 4};
  std::vector<float> x(static_cast<std::size_t>(size), 0.0F);
  x[6] = 1;
  x[7] = 10;
  std::vector<float> y(x.size(), 5.0F);
  dds_transposed<float>({x.data(), 1, size}, w, values.data(), nullptr, MatrixView<float>(y.data(), 1, size));
  EXPECT_EQ(y[0], 21);
  EXPECT_EQ(y[1], 43);
  EXPECT_EQ(y[2], 0);
}

}  // namespace
}  // namespace filigree::sparse
