// From narrow formats to FP32 and BF16.
#include "filigree/base/simd.h"
#include "filigree/numerics/cast.h"
#include "filigree/numerics/streaming.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/numerics/decode.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace filigree::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using Words = hn::ScalableTag<std::uint32_t>;

// The highest code that is no NaN.
constexpr std::uint32_t below_nan(const FloatFormat& format) {
  return format.has_infinity() ? format.top_exponent() : format.largest_finite();
}

// decode_float(), lane by lane.
template <class T>
hn::Vec<Words> Decode(hn::Vec<Words> codes) {
  constexpr FloatFormat kFormat = T::kFormat;
  const Words words;
  if constexpr (kFormat.is_short_fp32()) return hn::ShiftLeft<kFormat.shift()>(codes);
  const hn::RebindToFloat<Words> floats;
  const auto set = [&](std::uint32_t bits) { return hn::Set(words, bits); };
  const auto magnitude = hn::And(codes, set(kFormat.magnitude_mask()));
  const auto sign = hn::ShiftLeft<32 - kFormat.bits()>(hn::Xor(codes, magnitude));
  const auto shifted = hn::ShiftLeft<kFormat.shift()>(magnitude);
  // Units of the smallest one: the product is exact, and no denormal.
  const auto count = hn::ConvertTo(floats, hn::BitCast(hn::RebindToSigned<Words>(), magnitude));
  constexpr std::uint32_t kUnit =
      kFormat.smallest_normal() - (static_cast<std::uint32_t>(kFormat.fraction_bits) << 23);
  const auto subnormal = hn::BitCast(words, hn::Mul(count, hn::BitCast(floats, set(kUnit))));
  const auto finite = hn::IfThenElse(hn::Gt(magnitude, set(kFormat.fraction_mask())),
                                     hn::Add(shifted, set(kFormat.rebase())), subnormal);
  const auto value = hn::Or(sign, finite);
  if constexpr (kFormat.specials == Specials::kNone) return value;
  if constexpr (kFormat.specials == Specials::kNegativeZeroNan) {
    return hn::IfThenElse(hn::Eq(codes, set(kFormat.nan())), set(0x7FC00000U), value);
  }
  const auto infinite = hn::Or(hn::Or(shifted, sign), set(0x7F800000U));
  const auto special =
      hn::IfThenElse(hn::Gt(magnitude, set(below_nan(kFormat))), hn::Or(infinite, set(0x400000U)), infinite);
  return hn::IfThenElse(hn::Gt(magnitude, set(kFormat.largest_finite())), special, value);
}

template <class T>
using CodesOf = hn::Rebind<typename T::Bits, Words>;

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
// The processor's own conversion from FP16: exact, whatever its modes; NaN becomes quiet.
using Halves = hn::Rebind<std::uint16_t, Words>;
hn::Vec<Words> FromHalves(hn::Vec<Halves> halves) {
#if HWY_TARGET == HWY_AVX3
  return hn::Vec<Words>{_mm512_castps_si512(_mm512_cvtph_ps(halves.raw))};
#else
  return hn::Vec<Words>{_mm256_castps_si256(_mm256_cvtph_ps(halves.raw))};
#endif
}
#endif

template <class T>
hn::Vec<Words> LoadDecoded(const typename T::Bits* from) {
  const auto codes = hn::LoadU(CodesOf<T>(), from);
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
  if constexpr (std::is_same_v<T, Float16>) return FromHalves(codes);
  // Its upper byte.
  if constexpr (std::is_same_v<T, Float8E5M2>) {
    return FromHalves(hn::ShiftLeft<8>(hn::PromoteTo(Halves(), codes)));
  }
#endif
  return Decode<T>(hn::PromoteTo(Words(), codes));
}

// Behind `i` whole vectors past the caches: `to` is aligned there.
template <class T>
std::int64_t Stream(const typename T::Bits* from, std::int64_t i, std::int64_t count, std::uint32_t* to) {
  const Words words;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(words));
  for (; i + lanes <= count; i += lanes) hn::Stream(LoadDecoded<T>(from + i), words, to + i);
  hwy::FlushStream();
  return i;
}

template <class T>
void ToFloats(const T* from, std::int64_t count, float* to, bool stream) {
  const Words words;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(words));
  const auto* codes = reinterpret_cast<const typename T::Bits*>(from);
  auto* bits = reinterpret_cast<std::uint32_t*>(to);
  std::int64_t i = 0;
  if (stream) {
    for (const std::int64_t head = elements_to_alignment(to, count); i < head; ++i) {
      to[i] = static_cast<float>(from[i]);
    }
    i = Stream<T>(codes, i, count, bits);
  }
  for (; i + lanes <= count; i += lanes) hn::StoreU(LoadDecoded<T>(codes + i), words, bits + i);
  for (; i < count; ++i) to[i] = static_cast<float>(from[i]);
}

#if HWY_TARGET != HWY_SCALAR
// BF16 of zero and subnormals of 8 bits: the lower bytes, and behind them the upper ones.
struct Subnormals {
  alignas(16) std::uint8_t bytes[16];
};
constexpr Subnormals subnormals(const FloatFormat& format) {
  Subnormals table{};
  for (std::uint32_t code = 0; code <= format.fraction_mask(); ++code) {
    const std::uint32_t upper = decode_float(format, code) >> 16;
    table.bytes[code] = static_cast<std::uint8_t>(upper & 0xFFU);
    table.bytes[8 + code] = static_cast<std::uint8_t>(upper >> 8);
  }
  return table;
}

// decode_float() to the upper half of its result, which holds all of it: twice the lanes.
using Full = hn::ScalableTag<std::uint16_t>;
template <class T>
hn::Vec<Full> DecodeUpper(hn::Vec<Full> codes) {
  constexpr FloatFormat kFormat = T::kFormat;
  static_assert(kFormat.bits() <= 8 && kFormat.fraction_bits <= 3);
  static constexpr Subnormals kSubnormals = subnormals(kFormat);
  const Full full;
  const hn::Repartition<std::uint8_t, Full> bytes;
  const auto set = [&](std::uint32_t value) { return hn::Set(full, static_cast<std::uint16_t>(value)); };
  const auto magnitude = hn::And(codes, set(kFormat.magnitude_mask()));
  const auto sign = hn::ShiftLeft<16 - kFormat.bits()>(hn::Xor(codes, magnitude));
  const auto shifted = hn::ShiftLeft<7 - kFormat.fraction_bits>(magnitude);
  const auto fraction = hn::And(codes, set(kFormat.fraction_mask()));
  const auto places = hn::Add(hn::Or(fraction, hn::ShiftLeft<8>(fraction)), set(0x800U));
  const auto table = hn::LoadDup128(bytes, kSubnormals.bytes);
  const auto subnormal = hn::BitCast(full, hn::TableLookupBytes(table, hn::BitCast(bytes, places)));
  const auto finite = hn::IfThenElse(hn::Gt(magnitude, set(kFormat.fraction_mask())),
                                     hn::Add(shifted, set(kFormat.rebase() >> 16)), subnormal);
  const auto value = hn::Or(sign, finite);
  if constexpr (kFormat.specials == Specials::kNone) return value;
  if constexpr (kFormat.specials == Specials::kNegativeZeroNan) {
    return hn::IfThenElse(hn::Eq(codes, set(kFormat.nan())), set(0x7FC0U), value);
  }
  const auto infinite = hn::Or(hn::Or(shifted, sign), set(0x7F80U));
  const auto special =
      hn::IfThenElse(hn::Gt(magnitude, set(below_nan(kFormat))), hn::Or(infinite, set(0x40U)), infinite);
  return hn::IfThenElse(hn::Gt(magnitude, set(kFormat.largest_finite())), special, value);
}
#endif

template <class T>
void ToUpperHalves(const T* from, std::int64_t count, BFloat16* to) {
  std::int64_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const Full full;
  const hn::Rebind<std::uint8_t, Full> bytes;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(full));
  for (; i + lanes <= count; i += lanes) {
    const auto codes = hn::PromoteTo(full, hn::LoadU(bytes, reinterpret_cast<const std::uint8_t*>(from + i)));
    hn::StoreU(DecodeUpper<T>(codes), full, reinterpret_cast<std::uint16_t*>(to + i));
  }
#endif
  for (; i < count; ++i) to[i] = BFloat16(static_cast<float>(from[i]));
}

void DecodeFormat(int format, const void* from, std::int64_t count, float* to) {
  visit_format(format, [&](auto type) {
    ToFloats(static_cast<const decltype(type)*>(from), count, to, streams<decltype(type)>(count));
  });
}

void DecodeFormatToBFloat16(int format, const void* from, std::int64_t count, BFloat16* to) {
  visit_format(format, [&](auto type) {
    using T = decltype(type);
    if constexpr (T::kFormat.bits() <= 8) ToUpperHalves(static_cast<const T*>(from), count, to);
  });
}

}  // namespace
}  // namespace filigree::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace filigree {
namespace {

HWY_EXPORT(DecodeFormat);
HWY_EXPORT(DecodeFormatToBFloat16);

}  // namespace

void decode_format(int format, const void* from, std::int64_t count, float* to) {
  FILIGREE_SIMD(DecodeFormat)(format, from, count, to);
}

void decode_format(int format, const void* from, std::int64_t count, BFloat16* to) {
  FILIGREE_SIMD(DecodeFormatToBFloat16)(format, from, count, to);
}

}  // namespace filigree
#endif
