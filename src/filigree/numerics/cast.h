// Casts of whole arrays between number formats, on the chosen instruction set (base/isa.h). Arrays must not
// overlap.
#pragma once

#include <cstdint>

#include "filigree/numerics/bfloat16.h"

namespace filigree {

// Exact.
void cast(const BFloat16* from, std::int64_t count, float* to);
// As BFloat16(float) rounds.
void cast(const float* from, std::int64_t count, BFloat16* to);

}  // namespace filigree
