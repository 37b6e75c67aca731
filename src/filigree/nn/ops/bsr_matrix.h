// Block-sparse matrices made from tensors, turned back into them, and moved to other patterns. None of these
// has a gradient.
#pragma once

#include "filigree/nn/torch.h"
//
#include <tuple>

#include "filigree/nn/bsr_pattern.h"

namespace filigree::nn {

// The blocks of `weight` ([rows, columns], float or double) with the largest sums of magnitudes: the number
// nearest to `density` of all, at least one. Gives the pattern and its values, [blocks, rows, columns].
// Errors: as sparse::bsr_from_dense.
std::tuple<BsrPatternRef, Tensor> bsr_from_dense(const Tensor& weight, double density,
                                                 sparse::BlockShape block);

// [rows, columns], zero where there is no block.
Tensor bsr_to_dense(const Tensor& values, const BsrPatternRef& pattern);

// Blocks drawn uniformly at random; the same for the same seed. Errors: as sparse::BsrPattern::random.
BsrPatternRef bsr_random(std::int64_t rows, std::int64_t columns, sparse::BlockShape block, double density,
                         std::int64_t seed);

// The values, with zeros where blocks reach behind the matrix's edge; a copy.
Tensor bsr_trim(const Tensor& values, const BsrPatternRef& pattern);

// Values of `from` in the order of `to`: blocks of both keep theirs, new ones are zero.
// Errors (usage): patterns of other sizes or blocks.
Tensor bsr_move(const Tensor& values, const BsrPatternRef& from, const BsrPatternRef& to);

}  // namespace filigree::nn
