// encode_float() by way of the processor's conversion to FP16: lanes of 16 bits, twice as many as of 32. For
// formats whose values, times a power of two, are FP16's with a shorter fraction, subnormals among
// subnormals; rounding to nearest and toward zero; AVX2 with F16C, and AVX-512.
//
// A second rounding would be wrong where the first one lands on a tie. So the first one rounds to odd: toward
// zero, with the last bit set where anything was cut off. The conversion does not offer that, but rounds down
// and up as told, whatever the processor's modes.
#if defined(FILIGREE_NUMERICS_ENCODE_HALVES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FILIGREE_NUMERICS_ENCODE_HALVES_INL_H_
#undef FILIGREE_NUMERICS_ENCODE_HALVES_INL_H_
#else
#define FILIGREE_NUMERICS_ENCODE_HALVES_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <cstdint>
#include <type_traits>

#include "filigree/numerics/float_format.h"

#undef FILIGREE_HALVES
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
#define FILIGREE_HALVES 1
#else
#define FILIGREE_HALVES 0
#endif

#if FILIGREE_HALVES
HWY_BEFORE_NAMESPACE();
namespace filigree::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr bool by_way_of_halves(const FloatFormat& format) {
  return !format.is_short_fp32() && format.exponent_bits <= 5 && format.bias <= 15;
}

using Floats = hn::ScalableTag<float>;
using Halves = hn::ScalableTag<std::uint16_t>;
using Half = hn::Vec<Halves>;

inline Half SetHalf(std::uint32_t value) { return hn::Set(Halves(), static_cast<std::uint16_t>(value)); }

// Magnitudes have no highest bit: signed comparisons, which every target has.
inline auto IsAbove(Half magnitude, std::uint32_t limit) {
  const hn::RebindToSigned<Halves> numbers;
  return hn::RebindMask(
      Halves(), hn::Gt(hn::BitCast(numbers, magnitude), hn::Set(numbers, static_cast<std::int16_t>(limit))));
}

// The immediates of VCVTPS2PH.
enum class Direction { kNearest = 0, kDown = 1, kUp = 2, kToZero = 3 };

template <Direction kDirection>
Half ToHalves(hn::Vec<Floats> lower, hn::Vec<Floats> upper) {
  constexpr int kMode = static_cast<int>(kDirection) | _MM_FROUND_NO_EXC;
#if HWY_TARGET == HWY_AVX3
  const __m512i wide = _mm512_castsi256_si512(_mm512_cvtps_ph(lower.raw, kMode));
  return Half{_mm512_inserti64x4(wide, _mm512_cvtps_ph(upper.raw, kMode), 1)};
#else
  return Half{_mm256_set_m128i(_mm256_cvtps_ph(upper.raw, kMode), _mm256_cvtps_ph(lower.raw, kMode))};
#endif
}

inline Half ToOddHalves(hn::Vec<Floats> lower, hn::Vec<Floats> upper) {
  const auto down = ToHalves<Direction::kDown>(lower, upper);
  const auto up = ToHalves<Direction::kUp>(lower, upper);
  // Neighbours, where they differ: one is odd. (Infinity beside the largest finite value is even.)
  return hn::IfThenElse(hn::TestBit(down, SetHalf(1)), down, up);
}

// The codes of FP16's, which for formats of fewer bits are rounded to odd.
template <class T, Rounding kRounding, bool kInfinityApart>
Half Shorten(Half half, Half overflow, Half infinity) {
  constexpr FloatFormat kFormat = T::kFormat;
  constexpr int kCut = 10 - kFormat.fraction_bits;
  const auto magnitude = hn::And(half, SetHalf(0x7FFF));
  auto code = magnitude;
  if constexpr (kCut > 0) {
    if constexpr (kRounding == Rounding::kNearestEven) {
      const auto odd = hn::And(hn::ShiftRight<kCut>(magnitude), SetHalf(1));
      code = hn::Add(code, hn::Add(odd, SetHalf((1U << (kCut - 1)) - 1)));
    }
    code = hn::ShiftRight<kCut>(code);
  }
  // Codes of what is beyond follow that of the largest value.
  code = hn::Min(code, overflow);
  if constexpr (kInfinityApart) {
    code = hn::IfThenElse(hn::Eq(magnitude, SetHalf(0x7C00)), infinity, code);
  }
  auto nan = SetHalf(kFormat.nan());
  if constexpr (kFormat.has_infinity()) {
    nan = hn::Or(nan, hn::And(hn::ShiftRight<kCut>(magnitude), SetHalf(kFormat.fraction_mask())));
  }
  code = hn::IfThenElse(IsAbove(magnitude, 0x7C00), nan, code);
  auto sign = hn::ShiftRight<16 - kFormat.bits()>(hn::Xor(half, magnitude));
  if constexpr (kFormat.specials == Specials::kNegativeZeroNan) {
    sign = hn::IfThenZeroElse(hn::Eq(code, SetHalf(0)), sign);
  }
  return hn::Or(sign, code);
}

// kStream: past the caches, to aligned memory.
template <bool kStream, class D>
void StoreOrStream(hn::Vec<D> vector, D d, hn::TFromD<D>* to) {
  if constexpr (kStream) {
    hn::Stream(vector, d, to);
  } else {
    hn::StoreU(vector, d, to);
  }
}

template <bool kStream>
void StoreCodes(Half lower, Half upper, std::uint16_t* to) {
  StoreOrStream<kStream>(lower, Halves(), to);
  StoreOrStream<kStream>(upper, Halves(), to + hn::Lanes(Halves()));
}
template <bool kStream>
void StoreCodes(Half lower, Half upper, std::uint8_t* to) {
  const hn::Repartition<std::uint8_t, Halves> bytes;
#if HWY_TARGET == HWY_AVX3
  const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
  const __m512i packed = _mm512_permutexvar_epi64(order, _mm512_packus_epi16(lower.raw, upper.raw));
#else
  const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi16(lower.raw, upper.raw), 0xD8);
#endif
  StoreOrStream<kStream>(hn::Vec<decltype(bytes)>{packed}, bytes, to);
}

// From `i` on; where that came to.
template <class T, Rounding kRounding, bool kInfinityApart, bool kStream>
std::int64_t EncodeHalves(const float* from, std::int64_t i, std::int64_t count, typename T::Bits* to,
                          Half overflow, Half infinity) {
  constexpr FloatFormat kFormat = T::kFormat;
  const Floats floats;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(floats));
  // Exact but for what is far below the smallest subnormal.
  const auto scale = hn::BitCast(floats, Set(static_cast<std::uint32_t>(127 + kFormat.bias - 15) << 23));
  const auto encode = [&](const float* at) HWY_ATTR {
    auto lower = hn::LoadU(floats, at);
    auto upper = hn::LoadU(floats, at + lanes);
    if constexpr (kFormat.bias != 15) {
      lower = hn::Mul(lower, scale);
      upper = hn::Mul(upper, scale);
    }
    Half half;
    if constexpr (kRounding == Rounding::kTowardZero) {
      half = ToHalves<Direction::kToZero>(lower, upper);
    } else if constexpr (kFormat.fraction_bits == 10) {
      half = ToHalves<Direction::kNearest>(lower, upper);
    } else {
      half = ToOddHalves(lower, upper);
    }
    return Shorten<T, kRounding, kInfinityApart>(half, overflow, infinity);
  };
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    StoreCodes<kStream>(encode(from + i), encode(from + i + 2 * lanes), to + i);
  }
  if constexpr (kStream) hwy::FlushStream();
  return i;
}

// Whole vectors from `i` on; where that came to. `stream`: `to` is aligned at `i`.
template <class T, Rounding kRounding>
std::int64_t EncodeByHalves(const float* from, std::int64_t i, std::int64_t count, typename T::Bits* to,
                            const CastMode& mode, bool stream) {
  const std::uint32_t overflow = T::kFormat.overflow_code(mode);
  const std::uint32_t infinity = T::kFormat.infinity_code(mode);
  const auto large = SetHalf(overflow);
  if (overflow != infinity) {
    return EncodeHalves<T, kRounding, true, false>(from, i, count, to, large, SetHalf(infinity));
  }
  if (stream) return EncodeHalves<T, kRounding, false, true>(from, i, count, to, large, large);
  return EncodeHalves<T, kRounding, false, false>(from, i, count, to, large, large);
}

}  // namespace
}  // namespace filigree::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
