#include "filigree/models/sparse_training.h"
//
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "filigree/models/initialise.h"

namespace filigree::models {
namespace {

using Ids = std::set<std::int64_t>;

Ids ids_of(const EncoderMatrix& matrix, std::size_t part) {
  Ids ids;
  const sparse::BsrPattern& p = *matrix.patterns()[part];
  for (std::int64_t r = 0; r < p.block_rows(); ++r) {
    for (std::int64_t i = p.row_offsets()[static_cast<std::size_t>(r)];
         i < p.row_offsets()[static_cast<std::size_t>(r) + 1]; ++i) {
      ids.insert(r * p.block_columns() + p.column_indices()[static_cast<std::size_t>(i)]);
    }
  }
  return ids;
}

// The block `id` of a part in one of the parameter's tensors, as a vector.
std::vector<float> block_of(const EncoderMatrix& matrix, const Tensor& tensor, std::size_t part,
                            std::int64_t id) {
  const Ids ids = ids_of(matrix, part);
  const auto position = std::distance(ids.begin(), ids.find(id));
  const std::int64_t columns = matrix.in() / matrix.block();
  const auto place = matrix.block_place(part, id / columns, id % columns, position);
  std::vector<float> values;
  for (int r = 0; r < matrix.block(); ++r) {
    const float* row = tensor.data_ptr<float>() + place.offset + r * place.row_stride;
    values.insert(values.end(), row, row + matrix.block());
  }
  return values;
}

double l1(const std::vector<float>& values) {
  double sum = 0;
  for (const float v : values) sum += std::abs(v);
  return sum;
}

struct Fixture {
  Fixture(Storage storage, double density, int block, double prune_ratio, std::uint64_t seed = 5) {
    SparsityConfig sparsity{storage, density, block};
    matrices.push_back(std::make_unique<EncoderMatrix>(std::vector<std::string>{"q", "k", "v"}, 64, 96,
                                                       sparsity, Initialiser::kBert, seed, 0, parameters));
    matrices.push_back(std::make_unique<EncoderMatrix>(std::vector<std::string>{"o"}, 96, 64, sparsity,
                                                       Initialiser::kBert, seed, 3, parameters));
    for (const auto& parameter : parameters) {
      parameter->first_moment.copy_(parameter->value * 2);
      parameter->second_moment.copy_(parameter->value * parameter->value);
    }
    training = std::make_unique<SparseTraining>(matrices, PatternSchedule{1000, 10, prune_ratio}, seed);
  }
  // New values in all live blocks, and moments that tell which value they belong to.
  void refill(std::uint64_t index) {
    Philox random(11, Purpose::kTest, index);
    for (const auto& matrix : matrices) {
      const Parameter& parameter = matrix->parameter();
      auto* value = parameter.value.data_ptr<float>();
      for (std::size_t p = 0; p < matrix->part_count(); ++p) {
        matrix->patterns()[p]->for_each_block(
            [&](std::int64_t position, std::int64_t row, std::int64_t column) {
              const auto place = matrix->block_place(p, row, column, position);
              for (int r = 0; r < matrix->block(); ++r) {
                for (int c = 0; c < matrix->block(); ++c) {
                  value[place.offset + r * place.row_stride + c] = static_cast<float>(random.normal());
                }
              }
            });
      }
      parameter.first_moment.copy_(parameter.value * 2);
      parameter.second_moment.copy_(parameter.value * parameter.value);
    }
  }

  ParameterList parameters;
  std::vector<std::unique_ptr<EncoderMatrix>> matrices;
  std::unique_ptr<SparseTraining> training;
};

TEST(PatternSchedule, UpdatesAsOftenAsAskedAndNeverCloserThan25Steps) {
  const auto count = [](const PatternSchedule& schedule) {
    std::int64_t updates = 0, last = 0;
    for (std::int64_t step = 1; step <= schedule.steps; ++step) {
      if (!schedule.due(step)) continue;
      EXPECT_GE(step - last, 25);
      last = step;
      ++updates;
    }
    return updates;
  };
  EXPECT_EQ(count({8100, 80, 0.5}), 80);
  EXPECT_EQ(count({1000, 80, 0.5}), 39);  // every 25 steps, none after the last
  EXPECT_EQ(count({1000, 0, 0.5}), 0);
  EXPECT_EQ(count({10, 3, 0.5}), 0);
  for (std::int64_t updates = 1; updates < 40; ++updates) {
    for (const std::int64_t extra : {0, 1, 7, 1000}) {
      EXPECT_EQ(count({25 * (updates + 1) + extra, updates, 0.5}), updates) << updates << " " << extra;
    }
  }
}

TEST(PatternSchedule, RatioFallsAlongACosine) {
  const PatternSchedule schedule{1000, 10, 0.5};
  EXPECT_DOUBLE_EQ(schedule.ratio(0), 0.5);
  EXPECT_NEAR(schedule.ratio(500), 0.25, 1e-12);
  EXPECT_NEAR(schedule.ratio(1000), 0, 1e-12);
}

TEST(SparseTraining, KeepsTheInvariantsOfAnUpdate) {
  for (const int block : {1, 2, 4, 8, 16}) {
    for (const Storage storage : {Storage::kSparse, Storage::kMasked}) {
      Fixture f(storage, 0.3, block, 0.5);
      double coverage = f.training->coverage();
      for (std::int64_t step = 100; step < 1000; step += 100) {
        std::vector<std::vector<Ids>> before;
        for (const auto& m : f.matrices) {
          auto& list = before.emplace_back();
          for (std::size_t p = 0; p < m->part_count(); ++p) list.push_back(ids_of(*m, p));
        }
        // What each old block held, before the update moves it.
        std::vector<std::vector<std::vector<std::vector<float>>>> held;
        for (const auto& m : f.matrices) {
          auto& parts = held.emplace_back();
          for (std::size_t p = 0; p < m->part_count(); ++p) {
            auto& blocks = parts.emplace_back();
            for (const std::int64_t id : ids_of(*m, p))
              blocks.push_back(block_of(*m, m->parameter().value, p, id));
          }
        }
        const PatternUpdateResult result = f.training->update(step);
        std::int64_t moved = 0;
        for (std::size_t m = 0; m < f.matrices.size(); ++m) {
          for (std::size_t p = 0; p < f.matrices[m]->part_count(); ++p) {
            const Ids& old_ids = before[m][p];
            const Ids now = ids_of(*f.matrices[m], p);
            ASSERT_EQ(now.size(), old_ids.size());
            const auto n = static_cast<double>(old_ids.size());
            const double expected =
                std::ceil(0.5 * n) * 0.5 * (1 + std::cos(M_PI * static_cast<double>(step) / 1000));
            std::int64_t gone = 0, born = 0;
            double smallest_kept = INFINITY, largest_gone = 0;
            std::size_t i = 0;
            for (const std::int64_t id : old_ids) {
              const std::vector<float>& was = held[m][p][i++];
              if (now.count(id) != 0) {
                smallest_kept = std::min(smallest_kept, l1(was));
                // Survivors are bit-identical, and their moments went with them.
                const Parameter& parameter = f.matrices[m]->parameter();
                ASSERT_EQ(block_of(*f.matrices[m], parameter.value, p, id), was);
              } else {
                ++gone;
                largest_gone = std::max(largest_gone, l1(was));
              }
            }
            for (const std::int64_t id : now) {
              if (old_ids.count(id) != 0) continue;  // so no block that was there before is a newborn
              ++born;
              const Parameter& parameter = f.matrices[m]->parameter();
              for (const Tensor& tensor :
                   {parameter.value, parameter.first_moment, parameter.second_moment}) {
                ASSERT_EQ(l1(block_of(*f.matrices[m], tensor, p, id)), 0);
              }
            }
            EXPECT_EQ(gone, born);
            EXPECT_EQ(gone, std::llround(expected));
            EXPECT_LE(largest_gone, smallest_kept);
            moved += gone;
          }
        }
        EXPECT_EQ(result.moved, moved);
        EXPECT_FALSE(result.crowded);
        EXPECT_GE(f.training->coverage(), coverage);
        coverage = f.training->coverage();
        // Newborn blocks learn something, or the next update would take them all and test no order.
        f.refill(static_cast<std::uint64_t>(step));
      }
    }
  }
}

TEST(SparseTraining, MomentsMoveWithTheirBlocks) {
  for (const Storage storage : {Storage::kSparse, Storage::kMasked}) {
    Fixture f(storage, 0.3, 4, 0.5);
    for (const std::int64_t step : {100, 200, 300}) {
      f.training->update(step);
      for (const auto& m : f.matrices) {
        const Parameter& p = m->parameter();
        EXPECT_TRUE(at::equal(p.first_moment, p.value * 2));
        EXPECT_TRUE(at::equal(p.second_moment, p.value * p.value));
      }
      f.refill(static_cast<std::uint64_t>(step));
    }
  }
}

TEST(SparseTraining, MaskedTwinMovesTheSameBlocks) {
  Fixture sparse(Storage::kSparse, 0.2, 8, 0.5);
  Fixture masked(Storage::kMasked, 0.2, 8, 0.5);
  for (const std::int64_t step : {100, 200, 300}) {
    sparse.training->update(step);
    masked.training->update(step);
    for (std::size_t m = 0; m < sparse.matrices.size(); ++m) {
      for (std::size_t p = 0; p < sparse.matrices[m]->part_count(); ++p) {
        EXPECT_EQ(ids_of(*sparse.matrices[m], p), ids_of(*masked.matrices[m], p));
      }
    }
  }
}

TEST(SparseTraining, FallsBackToPrunedPlacesWhereThereIsNoRoom) {
  // 90 % dense: 10 % of the places are free, 45 % of them would be wanted.
  Fixture f(Storage::kSparse, 0.9, 8, 0.5);
  const auto blocks = ids_of(*f.matrices[0], 0).size();
  const PatternUpdateResult result = f.training->update(100);
  EXPECT_TRUE(result.crowded);
  EXPECT_EQ(ids_of(*f.matrices[0], 0).size(), blocks);
  EXPECT_EQ(f.training->coverage(), 1);
}

TEST(SparseTraining, AFullMatrixStaysAsItIs) {
  Fixture f(Storage::kSparse, 1, 8, 0.5);
  EXPECT_EQ(f.training->update(100).moved, 0);
}

TEST(SparseTraining, CoverageOfAStaticPatternIsItsDensity) {
  Fixture f(Storage::kSparse, 0.25, 8, 0.5);
  EXPECT_NEAR(f.training->coverage(), 0.25, 0.01);
}

TEST(EncoderMatrix, SparseAndMaskedHoldTheSameMatrix) {
  const SparsityConfig sparse_config{Storage::kSparse, 0.2, 8};
  const SparsityConfig masked_config{Storage::kMasked, 0.2, 8};
  ParameterList a, b;
  const EncoderMatrix sparse({"q", "k"}, 64, 96, sparse_config, Initialiser::kBert, 1, 0, a);
  const EncoderMatrix masked({"q", "k"}, 64, 96, masked_config, Initialiser::kBert, 1, 0, b);
  const Tensor x = at::ones({3, 96}) * at::arange(96, at::kFloat);
  EXPECT_LT((sparse.apply(x, {}) - masked.apply(x, {})).abs().max().item<float>(), 1e-4);
}

}  // namespace
}  // namespace filigree::models
