// Simulations of products with weights. Of each matrix a block of at most 28 rows and 28 columns is computed,
// whose entries are inner products over the true dimension. Included by tests only.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "filigree/scaling/products.h"
#include "filigree/scaling/test_simulation.h"

namespace filigree::scaling::simulation {

inline constexpr std::int64_t kBlock = 28;

// A block of the product of two normal matrices.
inline double normal_product(Philox& random, std::int64_t rows, std::int64_t inner, std::int64_t columns) {
  return product_mean_square(normal_rows(random, std::min(rows, kBlock), inner),
                             normal_rows(random, std::min(columns, kBlock), inner));
}

inline Case draw_matmul(Philox& random) {
  const std::int64_t rows = draw_dimension(random);
  const std::int64_t inner = draw_dimension(random);
  const std::int64_t columns = draw_dimension(random);
  return {fmt::format("{} x {} x {}", rows, inner, columns), matmul(rows, inner, columns), [=](Philox& draw) {
            return MeanSquares{
                normal_product(draw, rows, inner, columns),
                {normal_product(draw, rows, columns, inner), normal_product(draw, inner, rows, columns)}};
          }};
}

inline Case draw_linear(Philox& random) {
  const LinearShape shape{.tokens = draw_dimension(random),
                          .fan_in = draw_dimension(random),
                          .fan_out = draw_dimension(random),
                          .bias = true};
  return {fmt::format("{} tokens, {} to {}", shape.tokens, shape.fan_in, shape.fan_out), linear(shape),
          [=](Philox& draw) {
            return MeanSquares{normal_product(draw, shape.tokens, shape.fan_in, shape.fan_out),
                               {normal_product(draw, shape.tokens, shape.fan_out, shape.fan_in),
                                normal_product(draw, shape.fan_in, shape.tokens, shape.fan_out),
                                sum_mean_square(draw, shape.tokens)}};
          }};
}

// Which blocks of 16 x 16 are there: exactly `count` of them, any set as likely as any other.
class BlockPattern {
 public:
  BlockPattern(Philox& random, std::int64_t rows, std::int64_t columns, std::int64_t count)
      : rows_(rows), columns_(columns), kept_(to_size(rows * columns)) {
    std::int64_t missing = count;
    for (std::size_t i = 0; i < kept_.size(); ++i) {
      const auto left = static_cast<double>(kept_.size() - i);
      kept_[i] = random.uniform() * left < static_cast<double>(missing);
      if (kept_[i]) --missing;
    }
  }

  // A block of x w^T or dy w, whose right factors are rows or columns of the pattern: successive ones, from
  // anywhere and around the end, so that all of a small pattern take part alike.
  double product(Philox& random, bool by_rows) const {
    const std::int64_t inner = 16 * (by_rows ? columns_ : rows_);
    const std::int64_t lines = by_rows ? rows_ : columns_;
    const std::int64_t count = lines < kBlock ? kBlock / lines * lines : kBlock;
    auto line = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(lines)));
    Rows weights = normal_rows(random, count, inner);
    for (std::vector<float>& values : weights) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        const auto across = static_cast<std::int64_t>(i / 16);
        if (!kept_[to_size(by_rows ? line * columns_ + across : across * columns_ + line)]) values[i] = 0;
      }
      line = (line + 1) % lines;
    }
    return product_mean_square(normal_rows(random, kBlock, inner), weights);
  }

 private:
  std::int64_t rows_;
  std::int64_t columns_;
  std::vector<bool> kept_;
};

inline Case draw_sparse_linear(Philox& random) {
  const std::int64_t block_rows = draw_dimension(random, 4, 512);
  const std::int64_t block_columns = draw_dimension(random, 4, 512);
  const auto blocks = static_cast<double>(block_rows * block_columns);
  const std::int64_t count = std::llround(blocks * (0.1 + 0.4 * random.uniform()));
  const LinearShape shape{.tokens = draw_dimension(random),
                          .fan_in = 16 * block_columns,
                          .fan_out = 16 * block_rows,
                          .density = static_cast<double>(count) / blocks};
  return {fmt::format("{} tokens, {} to {} at density {:.3f}", shape.tokens, shape.fan_in, shape.fan_out,
                      shape.density),
          linear(shape), [=](Philox& draw) {
            const BlockPattern pattern(draw, block_rows, block_columns, count);
            return MeanSquares{pattern.product(draw, true),
                               {pattern.product(draw, false),
                                normal_product(draw, shape.fan_in, shape.tokens, shape.fan_out)}};
          }};
}

inline Case draw_embedding(Philox& random) {
  const std::int64_t vocabulary = draw_dimension(random);
  const std::int64_t indices = draw_dimension(random);
  return {fmt::format("{} of {}", indices, vocabulary), embedding(vocabulary, indices), [=](Philox& draw) {
            constexpr std::int64_t kWidth = 16;
            const Rows table = normal_rows(draw, vocabulary, kWidth);
            Rows gradient(to_size(vocabulary), std::vector<float>(kWidth));
            Sum output;
            for (std::int64_t i = 0; i < indices; ++i) {
              const std::uint64_t row = draw.below(static_cast<std::uint64_t>(vocabulary));
              for (std::size_t c = 0; c < kWidth; ++c) {
                output.add(static_cast<double>(table[row][c]));
                gradient[row][c] += static_cast<float>(draw.normal());
              }
            }
            Sum of_table;
            for (const std::vector<float>& row : gradient) {
              for (const float value : row) of_table.add(static_cast<double>(value));
            }
            return MeanSquares{output.mean_square(), {of_table.mean_square()}};
          }};
}

}  // namespace filigree::scaling::simulation
