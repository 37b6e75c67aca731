#include "filigree/sparse/row_access.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "filigree/base/parallel.h"
#include "filigree/base/test_support.h"
#include "filigree/sparse/conversion.h"

namespace filigree::sparse {
namespace {

const std::vector<std::int64_t> kRows{3, 0, 3, 16, 7, 3, 0};

void for_each_matrix(const std::function<void(const BsrMatrix<float>&)>& body) {
  for (const BlockShape block : kBlockShapes) {
    for (const auto& [rows, columns] : {std::pair{64, 128}, std::pair{17, 21}}) {
      SCOPED_TRACE(fmt::format("{} x {}, blocks of {}", rows, columns, block.text()));
      Philox random(5, Purpose::kTest);
      const std::int64_t places = block_count_for_density(rows, columns, block, 1);
      BsrMatrix<float> matrix{BsrPattern::random(rows, columns, block, (places + 1) / 2, random), {}};
      for (std::int64_t i = 0; i < matrix.pattern.value_count(); ++i) {
        matrix.values.push_back(static_cast<float>(random.normal()));
      }
      body(matrix);
    }
  }
}

TEST(RowAccess, TakesRows) {
  for_each_matrix([](const BsrMatrix<float>& matrix) {
    const BsrPattern& w = matrix.pattern;
    const std::vector<float> dense = to_dense(matrix);
    const std::int64_t stride = w.columns() + 3;
    std::vector<float> out(kRows.size() * static_cast<std::size_t>(stride), 9.0F);
    take_rows<float>(w, matrix.values.data(), kRows,
                     {out.data(), static_cast<std::int64_t>(kRows.size()), w.columns(), stride});
    for (std::size_t t = 0; t < kRows.size(); ++t) {
      for (std::int64_t c = 0; c < stride; ++c) {
        const float expected =
            c < w.columns() ? dense[static_cast<std::size_t>(kRows[t] * w.columns() + c)] : 9.0F;
        ASSERT_EQ(out[t * static_cast<std::size_t>(stride) + static_cast<std::size_t>(c)], expected);
      }
    }
  });
}

// As a dense table would take them, at the blocks; the same bits for any number of threads.
TEST(RowAccess, AddsToRows) {
  const int threads = thread_count();
  for_each_matrix([](const BsrMatrix<float>& matrix) {
    const BsrPattern& w = matrix.pattern;
    Philox random(6, Purpose::kTest);
    std::vector<float> dy(kRows.size() * static_cast<std::size_t>(w.columns()));
    for (float& value : dy) value = static_cast<float>(random.normal());
    std::vector<float> dense = to_dense(matrix);
    for (std::size_t t = 0; t < kRows.size(); ++t) {
      for (std::int64_t c = 0; c < w.columns(); ++c) {
        dense[static_cast<std::size_t>(kRows[t] * w.columns() + c)] +=
            0.5F * dy[t * static_cast<std::size_t>(w.columns()) + static_cast<std::size_t>(c)];
      }
    }
    for (const int count : {1, 2, 3}) {
      set_thread_count(count);
      BsrMatrix<float> sum = matrix;
      add_rows<float>(w, {dy.data(), static_cast<std::int64_t>(kRows.size()), w.columns()}, kRows, 0.5F,
                      sum.values.data());
      const std::vector<float> found = to_dense(sum);
      w.for_each_block([&](std::int64_t, std::int64_t r, std::int64_t c) {
        for (std::int64_t i = r * w.block().rows; i < std::min(w.rows(), (r + 1) * w.block().rows); ++i) {
          for (std::int64_t j = c * w.block().columns; j < std::min(w.columns(), (c + 1) * w.block().columns);
               ++j) {
            const auto at = static_cast<std::size_t>(i * w.columns() + j);
            ASSERT_NEAR(found[at], dense[at], 1e-6);
          }
        }
      });
    }
  });
  set_thread_count(threads);
}

TEST(RowAccess, NamesTheRowThatIsOutOfRange) {
  const BsrPattern w(16, 16, 8, {0, 1, 2}, {0, 1});
  std::vector<float> values(128, 1.0F);
  std::vector<float> memory(48);
  const std::vector<std::int64_t> rows{0, 16, 2};
  const std::string taken = test::error_of(ExitCode::kBadData, [&] {
    take_rows<float>(w, values.data(), rows, MatrixView<float>(memory.data(), 3, 16));
  });
  EXPECT_TRUE(test::contains(taken, "element 1 asks for row 16")) << taken;
  const std::string added = test::error_of(ExitCode::kBadData, [&] {
    add_rows<float>(w, {memory.data(), 3, 16}, std::vector<std::int64_t>{0, 1, -1}, 1.0F, values.data());
  });
  EXPECT_TRUE(test::contains(added, "element 2 asks for row -1")) << added;
  EXPECT_EQ(values, std::vector<float>(128, 1.0F));
}

}  // namespace
}  // namespace filigree::sparse
