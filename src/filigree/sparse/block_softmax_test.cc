#include "filigree/sparse/block_softmax.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/isa.h"
#include "filigree/base/parallel.h"

namespace filigree::sparse {
namespace {

template <typename T>
std::vector<T> normals(std::int64_t count, std::uint64_t seed) {
  Philox random(seed, Purpose::kTest);
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values) value = static_cast<T>(3 * random.normal());
  return values;
}

bool takes_part(Triangle triangle, std::int64_t row, std::int64_t column) {
  return triangle == Triangle::kWhole || (triangle == Triangle::kLower ? column <= row : column >= row);
}

// Calls body(place among the values, row, column) for each stored element within the matrix.
template <typename Body>
void for_each_element(const BsrPattern& w, const Body& body) {
  const BlockShape b = w.block();
  w.for_each_block([&](std::int64_t p, std::int64_t r, std::int64_t c) {
    for (std::int64_t i = 0; i < b.rows; ++i) {
      for (std::int64_t j = 0; j < b.columns; ++j) {
        if (r * b.rows + i < w.rows() && c * b.columns + j < w.columns()) {
          body(static_cast<std::size_t>((p * b.rows + i) * b.columns + j), r * b.rows + i, c * b.columns + j);
        }
      }
    }
  });
}

// Straight from the definition.
template <typename T>
std::vector<double> reference(const BsrPattern& w, const std::vector<T>& scores, double scale,
                              Triangle triangle) {
  std::vector<double> sums(static_cast<std::size_t>(w.rows()), 0.0);
  std::vector<double> result(scores.size(), 0.0);
  for_each_element(w, [&](std::size_t place, std::int64_t row, std::int64_t column) {
    if (!takes_part(triangle, row, column)) return;
    result[place] = std::exp(scale * scores[place]);
    sums[static_cast<std::size_t>(row)] += result[place];
  });
  for_each_element(w, [&](std::size_t place, std::int64_t row, std::int64_t) {
    if (result[place] != 0) result[place] /= sums[static_cast<std::size_t>(row)];
  });
  return result;
}

void for_each_case(const std::function<void(const BsrPattern&, Triangle)>& body) {
  for (const BlockShape block : kBlockShapes) {
    for (const auto& [rows, columns] : {std::pair{3 * block.rows, 4 * block.columns},
                                        std::pair{4 * block.rows + 1, 2 * block.columns + 3}}) {
      const std::int64_t places = block_count_for_density(rows, columns, block, 1);
      for (const std::int64_t count : {std::int64_t{1}, (places + 1) / 2, places}) {
        Philox random(5, Purpose::kTest);
        const BsrPattern w = BsrPattern::random(rows, columns, block, count, random);
        for (const Triangle triangle : {Triangle::kWhole, Triangle::kLower, Triangle::kUpper}) {
          SCOPED_TRACE(fmt::format("{} x {}, {} blocks of {}", rows, columns, count, block.text()));
          body(w, triangle);
        }
      }
    }
  }
}

template <typename T>
void check(double tolerance) {
  for_each_case([&](const BsrPattern& w, Triangle triangle) {
    std::vector<T> values = normals<T>(w.value_count(), 1);
    const std::vector<double> expected = reference(w, values, 0.5, triangle);
    block_softmax<T>(w, values.data(), T(0.5), triangle, values.data());
    for (std::size_t i = 0; i < values.size(); ++i) ASSERT_NEAR(values[i], expected[i], tolerance) << i;
  });
}

TEST(BlockSoftmax, AgreesWithItsDefinition) {
  const Isa before = chosen_isa();
  for (const Isa isa : usable_isas()) {
    force_isa(isa);
    check<float>(1e-6);
    check<double>(1e-14);
  }
  force_isa(before);
}

TEST(BlockSoftmax, GradientAgreesWithFiniteDifferences) {
  for_each_case([](const BsrPattern& w, Triangle triangle) {
    if (w.block().values() > 64) return;
    std::vector<double> scores = normals<double>(w.value_count(), 1);
    const std::vector<double> weights = normals<double>(w.value_count(), 2);
    std::vector<double> p(scores.size());
    const auto loss = [&] {
      block_softmax<double>(w, scores.data(), 0.5, triangle, p.data());
      double sum = 0;
      for (std::size_t i = 0; i < p.size(); ++i) sum += p[i] * weights[i];
      return sum;
    };
    loss();
    std::vector<double> gradient(scores.size());
    block_softmax_gradient<double>(w, p.data(), weights.data(), 0.5, gradient.data());
    for (std::size_t i = 0; i < scores.size(); i += 7) {
      constexpr double kStep = 1e-5;
      const double kept = scores[i];
      scores[i] = kept + kStep;
      const double up = loss();
      scores[i] = kept - kStep;
      const double down = loss();
      scores[i] = kept;
      ASSERT_NEAR(gradient[i], (up - down) / (2 * kStep), 1e-8) << i;
    }
  });
}

TEST(BlockSoftmax, GivesTheSameBitsForAnyNumberOfThreads) {
  Philox random(5, Purpose::kTest);
  const BsrPattern w = BsrPattern::random(160, 240, 8, 300, random);
  const std::vector<float> scores = normals<float>(w.value_count(), 1);
  const int threads = thread_count();
  std::vector<float> first;
  for (const int count : {1, 2, 3}) {
    set_thread_count(count);
    std::vector<float> p(scores.size());
    std::vector<float> gradient(scores.size());
    block_softmax<float>(w, scores.data(), 1.0F, Triangle::kLower, p.data());
    block_softmax_gradient<float>(w, p.data(), scores.data(), 1.0F, gradient.data());
    p.insert(p.end(), gradient.begin(), gradient.end());
    if (first.empty()) first = p;
    EXPECT_EQ(std::memcmp(p.data(), first.data(), p.size() * sizeof(float)), 0);
  }
  set_thread_count(threads);
}

TEST(BlockSoftmax, LargeScoresAndNaN) {
  const BsrPattern w(4, 8, 4, {0, 2}, {0, 1});
  std::vector<float> values(32, 0.0F);
  values[0] = 1e30F;
  values[4] = -std::numeric_limits<float>::infinity();
  values[8] = std::nanf("");
  block_softmax<float>(w, values.data(), 1.0F, Triangle::kWhole, values.data());
  EXPECT_EQ(values[0], 1);
  EXPECT_EQ(values[1], 0);
  EXPECT_EQ(values[4], 0);
  EXPECT_NEAR(values[5], 1.0 / 7, 1e-7);
  EXPECT_TRUE(std::isnan(values[8]) && std::isnan(values[9]));
  EXPECT_NEAR(values[12], 1.0 / 8, 1e-7);
  EXPECT_THROW(block_softmax<float>(w, values.data(), 0.0F, Triangle::kWhole, values.data()), Error);
}

}  // namespace
}  // namespace filigree::sparse
