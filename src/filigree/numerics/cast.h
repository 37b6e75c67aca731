// Casts of whole arrays between number formats, on the chosen instruction set (base/isa.h). Arrays must not
// overlap. Bits are those that one value's conversion gives, NaN included, also where the processor takes
// denormals for zero.
#pragma once

#include <cstdint>

#include "filigree/numerics/bfloat16.h"
#include "filigree/numerics/float16.h"
#include "filigree/numerics/float8.h"

namespace filigree {

// Exact.
void cast(const BFloat16* from, std::int64_t count, float* to);
void cast(const Float16* from, std::int64_t count, float* to);
void cast(const Float8E4M3* from, std::int64_t count, float* to);
void cast(const Float8E5M2* from, std::int64_t count, float* to);
void cast(const Float8E4M3* from, std::int64_t count, BFloat16* to);
void cast(const Float8E5M2* from, std::int64_t count, BFloat16* to);
// As BFloat16(float) rounds.
void cast(const float* from, std::int64_t count, BFloat16* to);
// As Float16(float) rounds.
void cast(const float* from, std::int64_t count, Float16* to);
// As Float8E4M3(float, overflow) and Float8E5M2(float, overflow) round.
void cast(const float* from, std::int64_t count, Float8E4M3* to, Overflow overflow = Float8E4M3::kOverflow);
void cast(const float* from, std::int64_t count, Float8E5M2* to, Overflow overflow = Float8E5M2::kOverflow);

}  // namespace filigree
