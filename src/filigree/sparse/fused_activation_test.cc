// Products that apply an activation: as if it came behind them, to the bit.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "filigree/base/isa.h"
#include "filigree/base/parallel.h"
#include "filigree/sparse/dsd.h"
#include "filigree/sparse/plan.h"
#include "filigree/sparse/products.h"
#include "filigree/sparse/run_index.h"

namespace filigree::sparse {
namespace {

using dense::Activation;

template <typename T>
std::vector<T> normals(std::int64_t count, std::uint64_t seed) {
  Philox random(seed, Purpose::kTest);
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values) value = static_cast<T>(static_cast<float>(random.normal()));
  return values;
}

// Row- and token-major, with bias, plus what was there.
template <typename T>
std::vector<T> forward(const BsrPattern& w, std::int64_t n, Activation activation) {
  const std::vector<T> values = normals<T>(w.value_count(), 1);
  const std::vector<T> x = normals<T>(w.columns() * n, 2);
  const std::vector<T> bias = normals<T>(w.rows(), 3);
  std::vector<T> y = normals<T>(2 * w.rows() * n, 4);
  dsd<T>(w, values.data(), {x.data(), w.columns(), n}, bias.data(), MatrixView<T>(y.data(), w.rows(), n),
         true, activation);
  dds_transposed<T>({x.data(), n, w.columns()}, w, values.data(), bias.data(),
                    MatrixView<T>(y.data() + w.rows() * n, n, w.rows()), true, activation);
  return y;
}

template <typename T>
void check(const BsrPattern& w, std::int64_t n) {
  for (const Activation activation : {Activation::kRelu, Activation::kGelu, Activation::kSilu}) {
    std::vector<T> expected = forward<T>(w, n, Activation::kNone);
    dense::activation_kernel<T>(activation)(expected.data(), static_cast<std::int64_t>(expected.size()));
    EXPECT_EQ(forward<T>(w, n, activation), expected);
  }
}

// What is rounded once more in between is as far away as that.
void check_halves(const BsrPattern& w, std::int64_t n) {
  const std::vector<BFloat16> plain = forward<BFloat16>(w, n, Activation::kNone);
  const std::vector<BFloat16> fused = forward<BFloat16>(w, n, Activation::kGelu);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    auto expected = static_cast<float>(plain[i]);
    const float size = std::abs(expected);
    dense::activation_kernel<float>(Activation::kGelu)(&expected, 1);
    ASSERT_NEAR(static_cast<float>(fused[i]), expected, 0.02F * size + 1e-6F) << i;
  }
}

BsrPattern draw(std::int64_t rows, std::int64_t columns, BlockShape block, std::int64_t count) {
  Philox random(5, Purpose::kTest);
  return BsrPattern::random(rows, columns, block, count, random);
}

TEST(FusedActivation, ComesBehindTheSums) {
  const Isa before = chosen_isa();
  for (const Isa isa : usable_isas()) {
    force_isa(isa);
    for (const BlockShape block : kBlockShapes) {
      for (const auto& [rows, columns] :
           {std::pair{5 * block.rows, 7 * block.columns},
            std::pair{3 * block.rows + 1, 2 * block.columns + (block.columns + 1) / 2}}) {
        SCOPED_TRACE(fmt::format("{}, {} x {}, blocks of {}", isa_name(isa), rows, columns, block.text()));
        const std::int64_t places = block_count_for_density(rows, columns, block, 1);
        // Some rows stay empty.
        const BsrPattern w = draw(rows, columns, block, (places + 3) / 4);
        for (const std::int64_t n : {1, 19, 100}) {
          check<float>(w, n);
          check<double>(w, n);
          check_halves(w, n);
        }
      }
    }
  }
  force_isa(before);
}

// Of single elements x is taken in parts: the last one ends the sums, of rows too that have no element in it.
TEST(FusedActivation, ComesOnceWhereXIsTakenInParts) {
  const BsrPattern w = draw(4, 3 * kernels::kMostPart, 1, 6);
  ASSERT_GT(w.row_runs().parts(), 1);
  check<float>(w, 20);
  check_halves(w, 20);
}

TEST(FusedActivation, IsTheSameForAnyNumberOfThreadsAndInPlans) {
  const BsrPattern w = draw(96, 64, 8, 40);
  const int threads = thread_count();
  set_thread_count(1);
  const std::vector<float> expected = forward<float>(w, 100, Activation::kSilu);
  set_thread_count(3);
  EXPECT_EQ(forward<float>(w, 100, Activation::kSilu), expected);
  set_thread_count(threads);

  const BsrPattern full = draw(64, 64, 1, 64 * 64);
  const std::vector<float> values = normals<float>(64 * 64, 1);
  const std::vector<float> x = normals<float>(64 * 512, 2);
  const auto run = [&](bool fallback) {
    const Plan<float> plan(full, {.samples = 512, .dense_fallback = fallback});
    EXPECT_EQ(plan.execution(), fallback ? Execution::kDense : Execution::kSparse);
    std::vector<float> y(64 * 512);
    plan.multiply(values.data(), {x.data(), 64, 512}, nullptr, MatrixView<float>(y.data(), 64, 512), false,
                  Activation::kGelu);
    return y;
  };
  const std::vector<float> sparse = run(false);
  const std::vector<float> dense = run(true);
  for (std::size_t i = 0; i < sparse.size(); ++i) ASSERT_NEAR(sparse[i], dense[i], 2e-4) << i;
}

}  // namespace
}  // namespace filigree::sparse
