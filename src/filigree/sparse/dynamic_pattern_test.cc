#include "filigree/sparse/dynamic_pattern.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "filigree/base/parallel.h"
#include "filigree/base/test_support.h"
#include "filigree/sparse/counted_allocations.h"
#include "filigree/sparse/dsd.h"
#include "filigree/sparse/products.h"

namespace filigree::sparse {
namespace {

BsrPattern draw(std::int64_t rows, std::int64_t columns, BlockShape block, std::int64_t count,
                std::uint64_t seed) {
  Philox random(seed, Purpose::kTest);
  return BsrPattern::random(rows, columns, block, count, random);
}

std::vector<float> numbers(std::int64_t count, std::uint64_t seed) {
  Philox random(seed, Purpose::kTest);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(2 * random.uniform() - 1);
  return values;
}

// All products of a pattern, one behind the other.
class Products {
 public:
  Products(std::int64_t rows, std::int64_t columns, std::int64_t value_capacity)
      : rows_(rows),
        columns_(columns),
        values_(numbers(value_capacity, 1)),
        x_(numbers(columns * kSamples, 2)),
        y_(numbers(rows * kSamples, 3)),
        bias_(numbers(rows, 4)),
        results_(static_cast<std::size_t>(2 * (rows + columns) * kSamples + 2 * value_capacity)),
        half_values_(values_.begin(), values_.end()),
        half_x_(static_cast<std::size_t>((rows + columns) * kSamples), BFloat16(0.5F)),
        half_results_(half_x_.size()) {}

  const std::vector<float>& run(const BsrPattern& w) {
    std::fill(results_.begin(), results_.end(), 0.0F);
    float* to = results_.data();
    const std::int64_t n = kSamples;
    dsd<float>(w, values_.data(), {x_.data(), columns_, n}, bias_.data(), MatrixView<float>(to, rows_, n));
    to += rows_ * n;
    dsd_transposed<float>(w, values_.data(), {y_.data(), rows_, n}, MatrixView<float>(to, columns_, n));
    to += columns_ * n;
    dds_transposed<float>({x_.data(), n, columns_}, w, values_.data(), bias_.data(),
                          MatrixView<float>(to, n, rows_));
    to += rows_ * n;
    dds<float>({y_.data(), n, rows_}, w, values_.data(), MatrixView<float>(to, n, columns_));
    to += columns_ * n;
    sdd_row_major<float>({y_.data(), rows_, n}, {x_.data(), columns_, n}, w, to);
    to += w.value_count();
    sdd<float>({y_.data(), n, rows_}, {x_.data(), n, columns_}, w, to);
    dsd<BFloat16>(w, half_values_.data(), {half_x_.data(), columns_, n}, nullptr,
                  MatrixView<BFloat16>(half_results_.data(), rows_, n));
    dsd_transposed<BFloat16>(w, half_values_.data(), {half_x_.data(), rows_, n},
                             MatrixView<BFloat16>(half_results_.data(), columns_, n));
    return results_;
  }

 private:
  static constexpr std::int64_t kSamples = 40;

  std::int64_t rows_;
  std::int64_t columns_;
  std::vector<float> values_;
  std::vector<float> x_;
  std::vector<float> y_;
  std::vector<float> bias_;
  std::vector<float> results_;
  std::vector<BFloat16> half_values_;
  std::vector<BFloat16> half_x_;
  std::vector<BFloat16> half_results_;
};

// Any number of blocks up to the capacity, spread evenly or all in the first rows.
TEST(DynamicBsrPattern, ProductsAreThoseOfAFixedPattern) {
  for (const BlockShape block : kBlockShapes) {
    SCOPED_TRACE(block.text());
    const std::int64_t rows = 4 * block.rows + (block.rows > 1 ? 1 : 40);
    const std::int64_t columns = 6 * block.columns + (block.columns > 2 ? 3 : 30);
    const std::int64_t places = block_count_for_density(rows, columns, block, 1.0);
    DynamicBsrPattern dynamic(rows, columns, block, places - 3);
    Products products(rows, columns, dynamic.pattern().value_capacity());
    for (const std::int64_t count : {places - 3, std::int64_t{1}, places / 2}) {
      const BsrPattern fixed = draw(rows, columns, block, count, static_cast<std::uint64_t>(count));
      dynamic.encode(fixed.row_offsets(), fixed.column_indices());
      EXPECT_EQ(dynamic.pattern(), fixed);
      const std::vector<float> expected = products.run(fixed);
      EXPECT_EQ(products.run(dynamic.pattern()), expected);
    }
  }
}

TEST(DynamicBsrPattern, AllocatesNothingOnceItRan) {
  const int threads = thread_count();
  set_thread_count(1);
  for (const BlockShape block : kBlockShapes) {
    for (const std::int64_t beyond : {0, 1}) {
      if (block == 1 && beyond == 1) continue;
      SCOPED_TRACE(block.text());
      const std::int64_t rows = 5 * block.rows + beyond;
      const std::int64_t columns = 300 / block.columns * block.columns + block.columns + beyond;
      const std::int64_t places = block_count_for_density(rows, columns, block, 1.0);
      DynamicBsrPattern dynamic(rows, columns, block, places);
      Products products(rows, columns, dynamic.pattern().value_capacity());
      std::vector<BsrPattern> patterns;
      for (const std::int64_t count : {places / 3, places, std::int64_t{1}, places / 2}) {
        patterns.push_back(draw(rows, columns, block, count, 7));
      }
      dynamic.encode(patterns.front().row_offsets(), patterns.front().column_indices());
      products.run(dynamic.pattern());
      const std::int64_t before = test::allocation_count();
      for (const BsrPattern& pattern : patterns) {
        dynamic.encode(pattern.row_offsets(), pattern.column_indices());
        products.run(dynamic.pattern());
      }
      EXPECT_EQ(test::allocation_count() - before, 0);
    }
  }
  set_thread_count(threads);
}

TEST(DynamicBsrPattern, BeginsEmpty) {
  for (const BlockShape block : kBlockShapes) {
    DynamicBsrPattern dynamic(128, 192, block, 5);
    EXPECT_EQ(dynamic.pattern().block_count(), 0);
    Products products(128, 192, dynamic.pattern().value_capacity());
    const std::vector<float>& results = products.run(dynamic.pattern());
    // Only the biases are left.
    EXPECT_EQ(std::count(results.begin(), results.end(), 0.0F),
              static_cast<std::ptrdiff_t>(results.size()) - std::ptrdiff_t{2 * 128 * 40});
  }
}

TEST(DynamicBsrPattern, TakesCoordinatesInAnyOrder) {
  DynamicBsrPattern dynamic(64, 48, 8, 20);
  const BsrPattern fixed = draw(64, 48, 8, 20, 3);
  std::vector<std::int32_t> order(20);
  std::iota(order.begin(), order.end(), 0);
  Philox random(9, Purpose::kTest);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  std::vector<std::int32_t> rows(20);
  std::vector<std::int32_t> columns(20);
  fixed.for_each_block([&](std::int64_t p, std::int64_t r, std::int64_t c) {
    rows[static_cast<std::size_t>(order[static_cast<std::size_t>(p)])] = static_cast<std::int32_t>(r);
    columns[static_cast<std::size_t>(order[static_cast<std::size_t>(p)])] = static_cast<std::int32_t>(c);
  });
  std::vector<std::int32_t> places(20);
  dynamic.encode_coo(rows, columns, places);
  EXPECT_EQ(dynamic.pattern(), fixed);
  for (std::size_t p = 0; p < order.size(); ++p) {
    EXPECT_EQ(places[static_cast<std::size_t>(order[p])], static_cast<std::int32_t>(p));
  }
  dynamic.encode_coo({}, {});
  EXPECT_EQ(dynamic.pattern().block_count(), 0);
}

TEST(DynamicBsrPattern, CopiesOfThePatternStayAsTheyWere) {
  DynamicBsrPattern dynamic(64, 64, 1, 600);
  const BsrPattern first = draw(64, 64, 1, 600, 1);
  dynamic.encode(first.row_offsets(), first.column_indices());
  Products products(64, 64, 600);
  const std::vector<float> expected = products.run(dynamic.pattern());
  const BsrPattern copy = dynamic.pattern();
  const BsrPattern second = draw(64, 64, 1, 500, 2);
  dynamic.encode(second.row_offsets(), second.column_indices());
  EXPECT_EQ(copy, first);
  EXPECT_EQ(products.run(copy), expected);
  const std::vector<float> other = products.run(second);
  EXPECT_EQ(products.run(dynamic.pattern()), other);
}

void expect_error(ExitCode code, const std::function<void()>& body, std::string_view part) {
  const std::string message = test::error_of(code, body);
  EXPECT_TRUE(test::contains(message, part)) << message;
}

TEST(DynamicBsrPattern, RefusesWhatDoesNotFitAndKeepsWhatItHad) {
  expect_error(
      ExitCode::kUsage, [&] { DynamicBsrPattern(64, 64, 8, 0); }, "64 places");
  expect_error(
      ExitCode::kUsage, [&] { DynamicBsrPattern(64, 64, 8, 65); }, "64 places");
  expect_error(
      ExitCode::kUsage, [&] { DynamicBsrPattern(64, 64, 3, 5); }, "block size of 3");
  DynamicBsrPattern dynamic(64, 64, 8, 10);
  const BsrPattern fixed = draw(64, 64, 8, 10, 3);
  dynamic.encode(fixed.row_offsets(), fixed.column_indices());
  const BsrPattern larger = draw(64, 64, 8, 11, 3);
  expect_error(
      ExitCode::kBadData, [&] { dynamic.encode(larger.row_offsets(), larger.column_indices()); },
      "11 blocks does not fit the capacity of 10");
  const std::vector<std::int32_t> rows{0, 3, 7, 3};
  const auto with_columns = [&](std::vector<std::int32_t> columns) { dynamic.encode_coo(rows, columns); };
  expect_error(
      ExitCode::kBadData,
      [&] {
        with_columns({0, 1, 8, 2});
      },
      "block 2");
  expect_error(
      ExitCode::kBadData,
      [&] {
        with_columns({0, 1, -1, 2});
      },
      "block 2");
  expect_error(
      ExitCode::kBadData,
      [&] {
        with_columns({0, 5, 1, 5});
      },
      "blocks 1 and 3");
  expect_error(
      ExitCode::kUsage,
      [&] {
        with_columns({0, 5, 1});
      },
      "as many");
  EXPECT_EQ(dynamic.pattern(), fixed);
}

}  // namespace
}  // namespace filigree::sparse
