#include "filigree/sparse/dsd.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "filigree/base/aligned.h"
#include "filigree/base/error.h"
#include "filigree/base/isa.h"
#include "filigree/base/parallel.h"
#include "filigree/numerics/bfloat16.h"
#include "filigree/sparse/run_index.h"

namespace filigree::sparse {
namespace {

double number(double value) { return value; }
double number(float value) { return double{value}; }
double number(BFloat16 value) { return double{static_cast<float>(value)}; }

template <typename T>
std::vector<T> normals(std::int64_t count, Philox& random) {
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values) value = static_cast<T>(random.normal());
  return values;
}

template <typename T>
AlignedVector<T> aligned(const std::vector<T>& values) {
  return {values.begin(), values.end()};
}

// A sum in double, and the sum of the magnitudes that were added.
struct Sum {
  double value = 0;
  double magnitude = 0;
  void add(double term) {
    value += term;
    magnitude += std::abs(term);
  }
};

// w as a dense matrix.
template <typename T>
std::vector<double> dense(const BsrPattern& w, const std::vector<T>& values) {
  const BlockShape b = w.block();
  std::vector<double> result(static_cast<std::size_t>(w.rows() * w.columns()), 0.0);
  w.for_each_block([&](std::int64_t p, std::int64_t r, std::int64_t c) {
    for (std::int64_t i = 0; i < b.rows; ++i) {
      for (std::int64_t j = 0; j < b.columns; ++j) {
        if (r * b.rows + i >= w.rows() || c * b.columns + j >= w.columns()) continue;
        result[(r * b.rows + i) * w.columns() + c * b.columns + j] =
            number(values[(p * b.rows + i) * b.columns + j]);
      }
    }
  });
  return result;
}

template <typename T>
void expect_sum(T got, const Sum& sum, std::int64_t row, std::int64_t column) {
  const double tolerance = sizeof(T) == 8 ? 1e-14 : 3e-6;
  // The sum's own, and of what it is rounded to.
  const double rounding = sizeof(T) == 2 ? std::ldexp(std::abs(sum.value), -8) : 0;
  ASSERT_LE(std::abs(number(got) - sum.value), tolerance * sum.magnitude + rounding) << row << ", " << column;
}

// All three products against sums over the dense matrix. Rows have `padding` elements behind them, which no
// product may touch.
template <typename T>
void check(const BsrPattern& w, std::int64_t n, std::int64_t padding, bool accumulate, bool with_bias) {
  SCOPED_TRACE(fmt::format("n {}, padding {}, accumulate {}, bias {}", n, padding, accumulate, with_bias));
  const std::int64_t stride = n + padding;
  Philox random(7, Purpose::kTest, static_cast<std::uint64_t>(n));
  const std::vector<T> values = normals<T>(w.value_count(), random);
  const std::vector<T> bias = normals<T>(w.rows(), random);
  const AlignedVector<T> x = aligned(normals<T>(w.columns() * stride, random));
  const AlignedVector<T> y = aligned(normals<T>(w.rows() * stride, random));
  const std::vector<double> matrix = dense(w, values);
  const auto weight = [&](std::int64_t r, std::int64_t c) { return matrix[r * w.columns() + c]; };
  const MatrixView<const T> x_view(x.data(), w.columns(), n, stride);
  const MatrixView<const T> y_view(y.data(), w.rows(), n, stride);

  AlignedVector<T> forward = y;
  dsd<T>(w, values.data(), x_view, with_bias ? bias.data() : nullptr, {forward.data(), w.rows(), n, stride},
         accumulate);
  for (std::int64_t r = 0; r < w.rows(); ++r) {
    for (std::int64_t c = 0; c < n; ++c) {
      Sum sum;
      if (accumulate) sum.add(number(y_view(r, c)));
      if (with_bias) sum.add(number(bias[r]));
      for (std::int64_t i = 0; i < w.columns(); ++i) sum.add(weight(r, i) * number(x_view(i, c)));
      expect_sum(forward[r * stride + c], sum, r, c);
    }
    for (std::int64_t c = n; c < stride; ++c) ASSERT_EQ(forward[r * stride + c], y[r * stride + c]);
  }

  AlignedVector<T> backward = x;
  dsd_transposed<T>(w, values.data(), y_view, {backward.data(), w.columns(), n, stride}, accumulate);
  for (std::int64_t i = 0; i < w.columns(); ++i) {
    for (std::int64_t c = 0; c < n; ++c) {
      Sum sum;
      if (accumulate) sum.add(number(x_view(i, c)));
      for (std::int64_t r = 0; r < w.rows(); ++r) sum.add(weight(r, i) * number(y_view(r, c)));
      expect_sum(backward[i * stride + c], sum, i, c);
    }
    for (std::int64_t c = n; c < stride; ++c) ASSERT_EQ(backward[i * stride + c], x[i * stride + c]);
  }

  std::vector<T> gradient = values;
  sdd_row_major<T>(y_view, x_view, w, gradient.data(), accumulate);
  const BlockShape b = w.block();
  w.for_each_block([&](std::int64_t p, std::int64_t r, std::int64_t c) {
    for (std::int64_t i = 0; i < b.rows; ++i) {
      for (std::int64_t j = 0; j < b.columns; ++j) {
        const std::int64_t at = (p * b.rows + i) * b.columns + j;
        Sum sum;
        if (accumulate) sum.add(number(values[at]));
        const bool inside = r * b.rows + i < w.rows() && c * b.columns + j < w.columns();
        for (std::int64_t t = 0; t < n && inside; ++t)
          sum.add(number(y_view(r * b.rows + i, t)) * number(x_view(c * b.columns + j, t)));
        expect_sum(gradient[at], sum, r * b.rows + i, c * b.columns + j);
      }
    }
  });
}

void check(const BsrPattern& w, std::int64_t n, std::int64_t padding) {
  const Isa before = chosen_isa();
  for (const bool accumulate : {false, true}) {
    for (const bool with_bias : {false, true}) {
      for (const Isa isa : usable_isas()) {
        SCOPED_TRACE(isa_name(isa));
        force_isa(isa);
        check<float>(w, n, padding, accumulate, with_bias);
        check<BFloat16>(w, n, padding, accumulate, with_bias);
        check<double>(w, n, padding, accumulate, with_bias);
      }
      force_isa(before);
    }
  }
}

class Dsd : public testing::TestWithParam<BlockShape> {
 protected:
  // Some rows and columns of blocks stay empty; `share` of the places hold a block, one at least. Of large
  // blocks a quarter in each direction.
  BsrPattern pattern(std::int64_t block_rows, std::int64_t block_columns, double share) const {
    if (GetParam().values() <= 256) return whole_pattern(block_rows, block_columns, share);
    return whole_pattern((block_rows + 3) / 4, (block_columns + 3) / 4, share);
  }
  BsrPattern whole_pattern(std::int64_t block_rows, std::int64_t block_columns, double share) const {
    Philox random(5, Purpose::kTest);
    const auto count = static_cast<std::int64_t>(share * static_cast<double>(block_rows * block_columns));
    return BsrPattern::random(block_rows * GetParam().rows, block_columns * GetParam().columns, GetParam(),
                              std::max<std::int64_t>(1, count), random);
  }
};

INSTANTIATE_TEST_SUITE_P(Blocks, Dsd, testing::ValuesIn(kBlockShapes),
                         [](const auto& param) { return fmt::format("b{}", param.param.text()); });

// Every part of a vector and of a panel.
TEST_P(Dsd, AgreesWithTheDenseMatrixForEveryWidth) {
  const BsrPattern w = pattern(5, 7, 0.25);
  for (const std::int64_t n : {0, 1, 2, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 33, 48, 49, 64, 96, 97, 130}) {
    if (GetParam().values() <= 256 || n % 8 < 2) check(w, n, 0);
  }
  check(w, 33, 5);
  check(w, 64, 448);
}

// Rows so full that a group is taken in several chunks, and patterns of all blocks and of one.
TEST_P(Dsd, AgreesWithTheDenseMatrixForAnyDensity) {
  check(pattern(3, 70, 0.9), 41, 0);
  check(pattern(70, 3, 1), 24, 0);
  check(pattern(4, 4, 0), 24, 0);
}

// X as a kernel would copy it: then it takes it where it lies, unless that is in the middle of a cache line.
TEST_P(Dsd, AgreesWithTheDenseMatrixWhereXIsAPanelAlready) {
  const BsrPattern w = pattern(5, 7, 0.4);
  for (const std::int64_t n : {4, 8, 16, 32, 48, 64, 96}) check(w, n, 0);
}

// More groups than sums are kept for at a time, and several parts of x.
TEST_P(Dsd, AgreesWithTheDenseMatrixOverSeveralWindows) {
  if (GetParam() != 1) return;
  const BsrPattern w = whole_pattern(kernels::kWindowGroups + 300, kernels::kWindowGroups + 100, 0.02);
  ASSERT_GT(w.row_runs().parts(), 1);
  ASSERT_GT(w.column_runs().parts(), 1);
  const Isa before = chosen_isa();
  for (const Isa isa : usable_isas()) {
    SCOPED_TRACE(isa_name(isa));
    force_isa(isa);
    check<float>(w, 19, 0, true, true);
  }
  force_isa(before);
}

// Edges within a block, in one direction and in both.
TEST_P(Dsd, AgreesWithTheDenseMatrixForRaggedSizes) {
  const BlockShape b = GetParam();
  if (b == 1) return;
  for (const auto& [rows, columns] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{2 * b.rows + 1, 3 * b.columns},
                                                          {2 * b.rows, 3 * b.columns - 1},
                                                          {2 * b.rows - 1, 2 * b.columns + b.columns / 2},
                                                          {1, 1}}) {
    Philox random(5, Purpose::kTest);
    const std::int64_t places = block_count_for_density(rows, columns, b, 1);
    check(BsrPattern::random(rows, columns, b, (places + 1) / 2, random), 19, 2);
    check(BsrPattern::random(rows, columns, b, places, random), 3, 0);
  }
}

// The products of row-major activations, one behind the other.
template <typename T>
std::vector<T> products(const BsrPattern& w, std::int64_t n) {
  Philox random(9, Purpose::kTest);
  const std::vector<T> values = normals<T>(w.value_count(), random);
  const std::vector<T> x = normals<T>(w.columns() * n, random);
  const std::vector<T> y = normals<T>(w.rows() * n, random);
  const MatrixView<const T> x_view(x.data(), w.columns(), n);
  const MatrixView<const T> y_view(y.data(), w.rows(), n);
  std::vector<T> all(static_cast<std::size_t>((w.rows() + w.columns()) * n + w.value_count()));
  T* const backward = all.data() + w.rows() * n;
  dsd<T>(w, values.data(), x_view, nullptr, {all.data(), w.rows(), n});
  dsd_transposed<T>(w, values.data(), y_view, {backward, w.columns(), n});
  sdd_row_major<T>(y_view, x_view, w, backward + w.columns() * n);
  return all;
}

template <typename T>
void check_threads(const BsrPattern& w, std::int64_t n) {
  const int threads_before = thread_count();
  set_thread_count(1);
  const std::vector<T> first = products<T>(w, n);
  for (const int threads : {2, 3, 5}) {
    set_thread_count(threads);
    const std::vector<T> all = products<T>(w, n);
    EXPECT_EQ(std::memcmp(all.data(), first.data(), all.size() * sizeof(T)), 0)
        << threads << " threads, n " << n;
  }
  set_thread_count(threads_before);
}

TEST_P(Dsd, GivesTheSameBitsForAnyNumberOfThreads) {
  // The second has several parts of single elements, and several ranges of columns.
  const BsrPattern patterns[] = {pattern(9, 11, 0.4),
                                 pattern(1200 / GetParam().rows, 2000 / GetParam().columns, 0.02)};
  const Isa before = chosen_isa();
  for (const Isa isa : usable_isas()) {
    SCOPED_TRACE(isa_name(isa));
    force_isa(isa);
    for (const std::int64_t n : {5, 40, 200}) {
      check_threads<float>(patterns[0], n);
      check_threads<BFloat16>(patterns[0], n);
      check_threads<double>(patterns[0], n);
      if (n < 40) continue;
      check_threads<float>(patterns[1], n);
      check_threads<BFloat16>(patterns[1], n);
      check_threads<double>(patterns[1], n);
    }
  }
  force_isa(before);
}

TEST_P(Dsd, RefusesShapesThatDoNotFit) {
  const BsrPattern w = pattern(2, 3, 0.5);
  std::vector<float> values(static_cast<std::size_t>(w.value_count()));
  std::vector<float> memory(static_cast<std::size_t>(w.columns() * 4));
  const MatrixView<float> x(memory.data(), w.columns(), 3);
  const MatrixView<float> short_x(memory.data(), w.columns() - 1, 3);
  const MatrixView<float> y(memory.data(), w.rows(), 3);
  const MatrixView<float> wide_y(memory.data(), w.rows(), 4);
  const MatrixView<float> tight_y(memory.data(), w.rows(), 3, 2);
  EXPECT_THROW(dsd<float>(w, values.data(), x, nullptr, wide_y), Error);
  EXPECT_THROW(dsd<float>(w, values.data(), short_x, nullptr, y), Error);
  EXPECT_THROW(dsd<float>(w, values.data(), x, nullptr, tight_y), Error);
  EXPECT_THROW(dsd_transposed<float>(w, values.data(), wide_y, x), Error);
  EXPECT_THROW(sdd_row_major<float>(y, short_x, w, values.data()), Error);
}

}  // namespace
}  // namespace filigree::sparse
