#include "filigree/sparse/refinement.h"

#include <limits>

#include "filigree/base/error.h"
#include "filigree/base/parallel.h"

namespace filigree::sparse {
namespace {

int fine_block(BlockShape coarse) { return coarse.square() && coarse.rows > 16 ? 16 : 1; }

}  // namespace

Refinement::Refinement(const BsrPattern& coarse)
    : coarse_block_(coarse.block()),
      fine_(coarse.rows(), coarse.columns(), fine_block(coarse.block()),
            coarse.value_capacity() / (fine_block(coarse.block()) * fine_block(coarse.block()))) {
  const auto room = static_cast<std::size_t>(fine_.capacity_);
  columns_.reserve(room);
  places_.reserve(room);
  offsets_.reserve(static_cast<std::size_t>(fine_.block_rows()) + 1);
}

void Refinement::assign(const BsrPattern& coarse) {
  const std::int64_t fine = fine_.block().rows;
  const std::int64_t in_rows = coarse_block_.rows / fine;
  const std::int64_t in_columns = coarse_block_.columns / fine;
  if (coarse.block_count() * in_rows * in_columns > std::numeric_limits<std::int32_t>::max()) {
    fail_usage("{} blocks of {} are too many for this product, which cuts them into blocks of {}",
               coarse.block_count(), coarse_block_.text(), fine);
  }
  offsets_.assign(1, 0);
  columns_.clear();
  places_.clear();
  for (std::int64_t r = 0; r < coarse.block_rows(); ++r) {
    for (std::int64_t i = 0; i < in_rows; ++i) {
      for (std::int64_t p = coarse.row_offsets()[r]; p < coarse.row_offsets()[r + 1]; ++p) {
        const std::int64_t first = coarse.column_indices()[p] * in_columns;
        for (std::int64_t j = 0; j < in_columns; ++j) {
          columns_.push_back(static_cast<std::int32_t>(first + j));
          places_.push_back((p * coarse_block_.rows + i * fine) * coarse_block_.columns + j * fine);
        }
      }
      offsets_.push_back(static_cast<std::int32_t>(columns_.size()));
    }
  }
  fine_.assign(offsets_, columns_);
}

template <typename Body>
void Refinement::for_each_block(const Body& body) const {
  const std::int64_t blocks_per_task = (1 << 14) / fine_.block().values();
  parallel_chunks(fine_.block_count(), blocks_per_task, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t q = begin; q < end; ++q) body(q, places_[static_cast<std::size_t>(q)]);
  });
}

template <typename T>
void Refinement::refine(const T* coarse, T* fine) const {
  const std::int64_t b = fine_.block().rows;
  for_each_block([&](std::int64_t q, std::int64_t place) {
    for (std::int64_t i = 0; i < b; ++i) {
      for (std::int64_t j = 0; j < b; ++j)
        fine[(q * b + i) * b + j] = coarse[place + i * coarse_block_.columns + j];
    }
  });
}

template <typename T>
void Refinement::coarsen(const T* fine, bool accumulate, T* coarse) const {
  const std::int64_t b = fine_.block().rows;
  for_each_block([&](std::int64_t q, std::int64_t place) {
    for (std::int64_t i = 0; i < b; ++i) {
      for (std::int64_t j = 0; j < b; ++j) {
        T& to = coarse[place + i * coarse_block_.columns + j];
        to = (accumulate ? to : T{0}) + fine[(q * b + i) * b + j];
      }
    }
  });
}

template void Refinement::refine<float>(const float*, float*) const;
template void Refinement::refine<double>(const double*, double*) const;
template void Refinement::coarsen<float>(const float*, bool, float*) const;
template void Refinement::coarsen<double>(const double*, bool, double*) const;

}  // namespace filigree::sparse
