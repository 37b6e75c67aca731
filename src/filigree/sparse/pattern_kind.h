// Kinds of random patterns for tests and benchmarks. Uniform patterns are the friendliest to balance; those
// of trained models are skewed.
#pragma once

#include <cstdint>
#include <string_view>

#include "filigree/base/philox.h"
#include "filigree/sparse/bsr_pattern.h"

namespace filigree::sparse {

enum class PatternKind {
  kUniform,      // every place alike
  kPowerLaw,     // block row r holds blocks in proportion to 1 / (r + 1), as far as it has places
  kBanded,       // the blocks nearest to the diagonal
  kOneDenseRow,  // one block row in the middle is full, the rest is uniform
};

struct PatternKindName {
  PatternKind kind;
  std::string_view name;
};
inline constexpr PatternKindName kPatternKinds[] = {{PatternKind::kUniform, "uniform"},
                                                    {PatternKind::kPowerLaw, "power-law"},
                                                    {PatternKind::kBanded, "banded"},
                                                    {PatternKind::kOneDenseRow, "one-dense-row"}};

// `count` different blocks. Errors: as BsrPattern::random; one-dense-row also where count is below the blocks
// of a row.
BsrPattern pattern_of_kind(PatternKind kind, std::int64_t rows, std::int64_t columns, BlockShape block,
                           std::int64_t count, Philox& random);

}  // namespace filigree::sparse
