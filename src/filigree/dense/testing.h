// What the tests of fused ops share: padded random matrices, comparison with a reference in double,
// finite differences, every instruction set, several thread counts. Included by tests only.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "filigree/base/aligned.h"
#include "filigree/base/error.h"
#include "filigree/base/isa.h"
#include "filigree/base/parallel.h"
#include "filigree/base/philox.h"
#include "filigree/numerics/matrix_view.h"

namespace filigree::dense::testing {

// A matrix whose rows lie `gap` elements apart. It owns nothing behind its last element, so that
// address sanitizer sees an access too far; what lies between the rows must stay as it is.
template <typename T>
class Matrix {
 public:
  Matrix(std::int64_t rows, std::int64_t columns, std::int64_t gap = 0, T value = T(0))
      : rows_(rows),
        columns_(columns),
        stride_(columns + gap),
        values_(static_cast<std::size_t>(rows == 0 ? 0 : (rows - 1) * stride_ + columns), kGap) {
    fill([&] { return value; });
  }

  // Normal numbers with the standard deviation `scale`, the same for float and double but for rounding.
  static Matrix random(std::int64_t rows, std::int64_t columns, std::int64_t gap, std::uint64_t seed,
                       double scale = 1, double mean = 0) {
    Matrix m(rows, columns, gap);
    Philox philox(seed, Purpose::kTest);
    m.fill([&] { return static_cast<T>(mean + scale * philox.normal()); });
    return m;
  }

  template <typename F>
  void fill(F&& next) {
    for (std::int64_t r = 0; r < rows_; ++r) {
      for (std::int64_t c = 0; c < columns_; ++c) (*this)(r, c) = next();
    }
  }

  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }
  T* data() { return values_.data(); }
  const T* data() const { return values_.data(); }
  MatrixView<T> view() { return {values_.data(), rows_, columns_, stride_}; }
  MatrixView<const T> view() const { return {values_.data(), rows_, columns_, stride_}; }
  T& operator()(std::int64_t r, std::int64_t c) { return values_[static_cast<std::size_t>(r * stride_ + c)]; }
  T operator()(std::int64_t r, std::int64_t c) const {
    return values_[static_cast<std::size_t>(r * stride_ + c)];
  }
  T& operator()(std::int64_t c) { return (*this)(0, c); }
  T operator()(std::int64_t c) const { return (*this)(0, c); }

  // The elements, row by row, without the gaps.
  std::vector<T> elements() const {
    std::vector<T> out;
    for (std::int64_t r = 0; r < rows_; ++r) {
      for (std::int64_t c = 0; c < columns_; ++c) out.push_back((*this)(r, c));
    }
    return out;
  }
  bool gaps_untouched() const {
    for (std::int64_t r = 0; r + 1 < rows_; ++r) {
      for (std::int64_t c = columns_; c < stride_; ++c) {
        if (values_[static_cast<std::size_t>(r * stride_ + c)] != kGap) return false;
      }
    }
    return true;
  }

 private:
  static constexpr T kGap = T(-12345);
  std::int64_t rows_;
  std::int64_t columns_;
  std::int64_t stride_;
  AlignedVector<T> values_;
};

template <typename T>
Matrix<double> to_double(const Matrix<T>& m) {
  Matrix<double> out(m.rows(), m.columns());
  for (std::int64_t r = 0; r < m.rows(); ++r) {
    for (std::int64_t c = 0; c < m.columns(); ++c) out(r, c) = static_cast<double>(m(r, c));
  }
  return out;
}

inline double root_mean_square(const Matrix<double>& m) {
  double sum = 0;
  for (const double value : m.elements()) sum += value * value;
  return m.rows() * m.columns() == 0 ? 0 : std::sqrt(sum / static_cast<double>(m.rows() * m.columns()));
}

// Holds `actual` against a reference. An element's error counts relative to its own size plus `scale`,
// the size of the terms that it is a sum of: the root mean square of the matrix unless given.
template <typename T>
void expect_close(const Matrix<T>& actual, const Matrix<double>& expected, double tolerance, const char* what,
                  double scale = -1) {
  ASSERT_EQ(actual.rows(), expected.rows()) << what;
  ASSERT_EQ(actual.columns(), expected.columns()) << what;
  EXPECT_TRUE(actual.gaps_untouched()) << what << ": written between the rows";
  const double base = (scale < 0 ? root_mean_square(expected) : scale) + std::numeric_limits<double>::min();
  double worst = 0;
  std::int64_t worst_row = 0, worst_column = 0;
  for (std::int64_t r = 0; r < actual.rows(); ++r) {
    for (std::int64_t c = 0; c < actual.columns(); ++c) {
      const double wanted = expected(r, c);
      const double error = std::abs(static_cast<double>(actual(r, c)) - wanted) / (std::abs(wanted) + base);
      if (error <= worst) continue;  // false for NaN too
      worst = std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
      worst_row = r;
      worst_column = c;
    }
  }
  if (worst > tolerance) {
    ADD_FAILURE() << what << "(" << worst_row << ", " << worst_column << ") of " << actual.rows() << " x "
                  << actual.columns() << " is " << actual(worst_row, worst_column) << ", not "
                  << expected(worst_row, worst_column) << ": relative error " << worst << " > " << tolerance;
  }
}

// `ulps` units in the last place of T.
template <typename T>
constexpr double ulps(double count) {
  return count * static_cast<double>(std::numeric_limits<T>::epsilon());
}

// Sets the number of threads for a scope.
class ThreadCount {
 public:
  explicit ThreadCount(int threads) : before_(thread_count()) { set_thread_count(threads); }
  ~ThreadCount() { set_thread_count(before_); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int before_;
};

// d loss / d element by the five-point stencil, whose error is of the order of step^4.
template <typename F>
double derivative(double& element, F&& loss, double step = 1e-3) {
  const double at = element;
  const auto moved = [&](double by) {
    element = at + by;
    return static_cast<double>(loss());
  };
  const double near = moved(step) - moved(-step);
  const double far = moved(2 * step) - moved(-2 * step);
  element = at;
  return (8 * near - far) / (12 * step);
}

// Holds gradient against finite differences of loss() in every element of `input`.
template <typename F>
void expect_gradient(Matrix<double>& input, const Matrix<double>& gradient, F&& loss, const char* what) {
  const ThreadCount one(1);  // starting threads for a handful of elements takes most of the time
  Matrix<double> numeric(input.rows(), input.columns());
  for (std::int64_t r = 0; r < input.rows(); ++r) {
    for (std::int64_t c = 0; c < input.columns(); ++c) numeric(r, c) = derivative(input(r, c), loss);
  }
  expect_close(gradient, numeric, 1e-6, what, 1e-2 * root_mean_square(numeric));
}

// Sum of all products of elements: with random weights, a loss whose gradient is `weights`.
inline double dot(const Matrix<double>& a, const Matrix<double>& weights) {
  double sum = 0;
  for (std::int64_t r = 0; r < a.rows(); ++r) {
    for (std::int64_t c = 0; c < a.columns(); ++c) sum += a(r, c) * weights(r, c);
  }
  return sum;
}

struct Shape {
  std::int64_t rows, columns, gap;
};

// Rows around the 64 of a partial sum, columns around every vector's length; with and without a gap.
inline std::vector<Shape> awkward_shapes() {
  std::vector<Shape> shapes;
  for (const std::int64_t rows : {0, 1, 63, 64, 65, 257}) {
    for (const std::int64_t columns : {1, 3, 7, 16, 17, 64, 100}) {
      for (const std::int64_t gap : {0, 5}) shapes.push_back({rows, columns, gap});
    }
  }
  return shapes;
}

// Runs body() on every instruction set of this machine.
template <typename F>
void on_every_isa(F&& body) {
  struct Restore {
    Isa isa = chosen_isa();
    ~Restore() { force_isa(isa); }
  } const restore;
  for (const Isa isa : usable_isas()) {
    force_isa(isa);
    SCOPED_TRACE(std::string(isa_name(isa)));
    body();
  }
}

// Runs body(shape) on every instruction set and awkward shape, on one thread: the number of threads
// has tests of its own, and starting them for a few elements takes most of the time.
template <typename F>
void on_every_shape(F&& body) {
  const ThreadCount one(1);
  on_every_isa([&] {
    for (const Shape& shape : awkward_shapes()) {
      SCOPED_TRACE(fmt::format("{} x {}, gap {}", shape.rows, shape.columns, shape.gap));
      body(shape);
    }
  });
}

// results() -> a vector of numbers; it must be the same, bit for bit, for any number of threads.
template <typename F>
void expect_same_bits_for_any_thread_count(F&& results) {
  using Values = std::decay_t<decltype(results())>;
  Values one;
  for (const int threads : {1, 2, 3, 5}) {
    const ThreadCount count(threads);
    const Values now = results();
    if (threads == 1) one = now;
    ASSERT_EQ(now.size(), one.size());
    EXPECT_EQ(std::memcmp(now.data(), one.data(), now.size() * sizeof(now[0])), 0) << threads << " threads";
  }
}

// Adds all elements of `more` to `all`.
template <typename T>
void append(std::vector<T>& all, const std::vector<T>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

// body() must throw a usage error whose message holds `text`.
template <typename F>
void expect_usage_error(F&& body, const std::string& text) {
  try {
    body();
    ADD_FAILURE() << "no error; expected one about: " << text;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kUsage);
    EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
  }
}

}  // namespace filigree::dense::testing
