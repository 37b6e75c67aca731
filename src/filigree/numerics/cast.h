// Casts of whole arrays between number formats, on the chosen instruction set (base/isa.h). Arrays must not
// overlap. Bits are those that one value's conversion gives (float_format.h), NaN included, also where the
// processor takes denormals for zero. T is any type of formats.h.
#pragma once

#include <cstdint>

#include "filigree/numerics/formats.h"

namespace filigree {

// By the place of a format in the list (format_index()): what the casts below call.
void decode_format(int format, const void* from, std::int64_t count, float* to);
void decode_format(int format, const void* from, std::int64_t count, BFloat16* to);
void encode_format(int format, const float* from, std::int64_t count, void* to, const CastMode& mode,
                   const std::uint32_t* random);

// Exact.
template <class T>
void cast(const T* from, std::int64_t count, float* to) {
  decode_format(format_index<T>(), from, count, to);
}

// From at most 8 bits to BF16: exact.
template <class T>
requires(T::kFormat.bits() <= 8) void cast(const T* from, std::int64_t count, BFloat16* to) {
  decode_format(format_index<T>(), from, count, to);
}

// As T(float, mode, random[i]) rounds. Stochastic rounding needs `random`: 32 uniform bits for each value;
// other modes do not look at it.
// Errors: stochastic rounding without random bits.
template <class T>
void cast(const float* from, std::int64_t count, T* to, CastMode mode = T::kMode,
          const std::uint32_t* random = nullptr) {
  encode_format(format_index<T>(), from, count, to, mode, random);
}

}  // namespace filigree
