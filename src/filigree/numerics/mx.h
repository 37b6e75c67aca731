// Block-scaled numbers: OCP's Microscaling Formats (MX) Specification, version 1.0 (Rouhani et al. 2023,
// arXiv 2310.10537). Values that follow each other share a scale, a power of two; each of them is an element
// of 8 bits or fewer times that scale.
#pragma once

#include <concepts>
#include <cstdint>

#include "filigree/numerics/e8m0.h"
#include "filigree/numerics/float8.h"
#include "filigree/numerics/mx_elements.h"
#include "filigree/numerics/mx_int8.h"

namespace filigree {

// MXFP8 has two kinds of elements, MXFP6 as well; MXFP4; MXINT8.
template <typename T>
concept MxElement =
    std::same_as<T, Float8E4M3> || std::same_as<T, Float8E5M2> || std::same_as<T, Float6E3M2> ||
    std::same_as<T, Float6E2M3> || std::same_as<T, Float4E2M1> || std::same_as<T, MxInt8>;

struct MxOptions {
  int block = 32;  // values that share a scale: 32, as the specification has it, or 16
  Rounding rounding = Rounding::kNearestEven;
};

// The number of scales. The last block may be shorter than the others.
constexpr std::int64_t mx_block_count(std::int64_t count, int block = MxOptions{}.block) {
  return (count + block - 1) / block;
}

// scales[mx_block_count(count, block)] and codes[count] of from[count]. The scale of a block is
// 2^(floor(log2(amax)) - emax) (section 6.3): amax is the largest magnitude in it, emax the exponent of the
// largest element (8 for E4M3). It brings amax to between 2^emax and 2^(emax + 1), where the largest element
// is not quite: what is beyond it becomes the largest element.
//
// The smallest scale is 2^-127: blocks of zeros have it (zeros keep their signs, but for MXINT8), and blocks
// of such small values that another would be due. The largest is never exceeded. A block with a NaN or an
// infinity has the scale NaN and codes 0, which makes NaN of all its values: most elements can hold neither,
// and there is no scale for the others to be measured by. It cannot go unnoticed.
//
// The result is exact up to the rounding of elements, and has the same bits on every instruction set and
// where the processor takes denormals for zero. Quantising what dequantise() gives yields the same scales
// and codes; also by way of BF16, which holds all of it whose scale is at least 2^-117. That fails for
// blocks that begin elsewhere (of a transposed matrix), after flushing denormals to zero, for codes that
// quantise() does not write, and for scales of another rule: those that round up, so that nothing saturates,
// leave amax below 2^emax now and then, and quantise() halves such a scale. Values stay, codes change.
// `random`: 32 uniform bits for each value, for stochastic rounding; others do not look at it.
// Errors: another block; stochastic rounding without random bits.
template <MxElement T>
void quantise(const float* from, std::int64_t count, E8M0* scales, T* codes, const MxOptions& options = {},
              const std::uint32_t* random = nullptr);

// Element times scale: exact, also where it is a subnormal of FP32; infinity beyond FP32's range, which only
// scales above 2^112 reach.
// Errors: another block.
template <MxElement T>
void dequantise(const E8M0* scales, const T* codes, std::int64_t count, float* to,
                int block = MxOptions{}.block);

}  // namespace filigree
