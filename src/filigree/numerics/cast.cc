#include "filigree/numerics/cast.h"

#include "filigree/base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/numerics/cast.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace filigree::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using Words = hn::ScalableTag<std::uint32_t>;
using Halves = hn::Rebind<std::uint16_t, Words>;

void FromBFloat16(const BFloat16* from, std::int64_t count, float* to) {
  const Words words;
  const Halves halves;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(words));
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto bits = hn::LoadU(halves, reinterpret_cast<const std::uint16_t*>(from + i));
    hn::StoreU(hn::ShiftLeft<16>(hn::PromoteTo(words, bits)), words,
               reinterpret_cast<std::uint32_t*>(to + i));
  }
  for (; i < count; ++i) to[i] = static_cast<float>(from[i]);
}

void ToBFloat16(const float* from, std::int64_t count, BFloat16* to) {
  const Words words;
  const Halves halves;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(words));
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto bits = hn::LoadU(words, reinterpret_cast<const std::uint32_t*>(from + i));
    const auto magnitude = hn::And(bits, hn::Set(words, 0x7FFFFFFFU));
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(words, 1U));
    const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(words, 0x7FFFU))));
    const auto quiet = hn::Or(hn::ShiftRight<16>(bits), hn::Set(words, 0x40U));
    const auto result = hn::IfThenElse(hn::Gt(magnitude, hn::Set(words, 0x7F800000U)), quiet, rounded);
    // Below 2^16: no saturation.
    const hn::RebindToSigned<Words> numbers;
    hn::StoreU(hn::DemoteTo(halves, hn::BitCast(numbers, result)), halves,
               reinterpret_cast<std::uint16_t*>(to + i));
  }
  for (; i < count; ++i) to[i] = BFloat16(from[i]);
}

// The highest code that is no NaN.
constexpr std::uint32_t below_nan(const FloatFormat& format) {
  return format.has_infinity ? format.top_exponent() : format.largest_finite();
}

// decode_float(), lane by lane.
template <class T>
hn::Vec<Words> Decode(hn::Vec<Words> codes) {
  constexpr FloatFormat kFormat = T::kFormat;
  const Words words;
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
  const auto infinite = hn::Or(shifted, set(0x7F800000U));
  const auto special =
      hn::IfThenElse(hn::Gt(magnitude, set(below_nan(kFormat))), hn::Or(infinite, set(0x400000U)), infinite);
  return hn::Or(sign, hn::IfThenElse(hn::Gt(magnitude, set(kFormat.largest_finite())), special, finite));
}

// encode_float(), lane by lane. `too_large` is what overflows become.
template <class T>
hn::Vec<Words> Encode(hn::Vec<Words> bits, hn::Vec<Words> too_large) {
  constexpr FloatFormat kFormat = T::kFormat;
  const Words words;
  const hn::RebindToFloat<Words> floats;
  const auto set = [&](std::uint32_t value) { return hn::Set(words, value); };
  const auto magnitude = hn::And(bits, set(0x7FFFFFFFU));
  const auto sign = hn::ShiftRight<32 - kFormat.bits()>(hn::Xor(bits, magnitude));
  const auto rebased = hn::Sub(magnitude, set(kFormat.rebase()));
  const auto odd = hn::And(hn::ShiftRight<kFormat.shift()>(rebased), set(1U));
  constexpr std::uint32_t kBelowHalf = (1U << (kFormat.shift() - 1)) - 1;
  const auto normal = hn::ShiftRight<kFormat.shift()>(hn::Add(rebased, hn::Add(odd, set(kBelowHalf))));
  // A sum whose last place is the smallest subnormal: the addition rounds. Denormals of FP32 give zero,
  // whether the processor sees them or not.
  constexpr std::uint32_t kAnchor =
      kFormat.smallest_normal() + (static_cast<std::uint32_t>(kFormat.shift()) << 23);
  const auto sum = hn::Add(hn::BitCast(floats, magnitude), hn::BitCast(floats, set(kAnchor)));
  const auto subnormal = hn::Sub(hn::BitCast(words, sum), set(kAnchor));
  const auto code = hn::IfThenElse(hn::Lt(magnitude, set(kFormat.smallest_normal())), subnormal, normal);
  const auto finite = hn::IfThenElse(hn::Gt(code, set(kFormat.largest_finite())), too_large, code);
  const auto payload = hn::And(hn::ShiftRight<kFormat.shift()>(bits), set(kFormat.fraction_mask()));
  const auto nan = kFormat.has_infinity ? hn::Or(payload, set(kFormat.top_exponent() | kFormat.quiet_bit()))
                                        : set(kFormat.magnitude_mask());
  return hn::Or(sign, hn::IfThenElse(hn::Gt(magnitude, set(0x7F800000U)), nan, finite));
}

template <class T>
using CodesOf = hn::Rebind<typename T::Bits, Words>;

template <class T>
hn::Vec<Words> LoadDecoded(const T* from) {
  const auto codes = hn::LoadU(CodesOf<T>(), reinterpret_cast<const typename T::Bits*>(from));
  return Decode<T>(hn::PromoteTo(Words(), codes));
}

template <class T>
void FromSmall(const T* from, std::int64_t count, float* to) {
  const Words words;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(words));
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(LoadDecoded(from + i), words, reinterpret_cast<std::uint32_t*>(to + i));
  }
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

// decode_float() of 8 bits to the upper half of its result, which holds all of it: twice the lanes.
using Full = hn::ScalableTag<std::uint16_t>;
template <class T>
hn::Vec<Full> DecodeUpper(hn::Vec<Full> codes) {
  constexpr FloatFormat kFormat = T::kFormat;
  static_assert(kFormat.bits() == 8 && kFormat.fraction_bits <= 3);
  static constexpr Subnormals kSubnormals = subnormals(kFormat);
  const Full full;
  const hn::Repartition<std::uint8_t, Full> bytes;
  const auto set = [&](std::uint32_t value) { return hn::Set(full, static_cast<std::uint16_t>(value)); };
  const auto magnitude = hn::And(codes, set(kFormat.magnitude_mask()));
  const auto sign = hn::ShiftLeft<8>(hn::Xor(codes, magnitude));
  const auto shifted = hn::ShiftLeft<7 - kFormat.fraction_bits>(magnitude);
  const auto fraction = hn::And(codes, set(kFormat.fraction_mask()));
  const auto places = hn::Add(hn::Or(fraction, hn::ShiftLeft<8>(fraction)), set(0x800U));
  const auto table = hn::LoadDup128(bytes, kSubnormals.bytes);
  const auto subnormal = hn::BitCast(full, hn::TableLookupBytes(table, hn::BitCast(bytes, places)));
  const auto finite = hn::IfThenElse(hn::Gt(magnitude, set(kFormat.fraction_mask())),
                                     hn::Add(shifted, set(kFormat.rebase() >> 16)), subnormal);
  const auto infinite = hn::Or(shifted, set(0x7F80U));
  const auto special =
      hn::IfThenElse(hn::Gt(magnitude, set(below_nan(kFormat))), hn::Or(infinite, set(0x40U)), infinite);
  return hn::Or(sign, hn::IfThenElse(hn::Gt(magnitude, set(kFormat.largest_finite())), special, finite));
}

#endif

template <class T>
void FromSmallToBFloat16(const T* from, std::int64_t count, BFloat16* to) {
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

template <class T>
void ToSmall(const float* from, std::int64_t count, T* to, Overflow overflow) {
  const Words words;
  const CodesOf<T> codes;
  const hn::RebindToSigned<Words> numbers;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(words));
  const auto too_large = hn::Set(words, T::kFormat.overflow_code(overflow));
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto bits = hn::LoadU(words, reinterpret_cast<const std::uint32_t*>(from + i));
    // Codes fit: no saturation.
    const auto encoded = hn::BitCast(numbers, Encode<T>(bits, too_large));
    hn::StoreU(hn::DemoteTo(codes, encoded), codes, reinterpret_cast<typename T::Bits*>(to + i));
  }
  for (; i < count; ++i) to[i] = T(from[i], overflow);
}

void FromFloat16(const Float16* from, std::int64_t count, float* to) { FromSmall(from, count, to); }
void FromE4M3(const Float8E4M3* from, std::int64_t count, float* to) { FromSmall(from, count, to); }
void FromE5M2(const Float8E5M2* from, std::int64_t count, float* to) { FromSmall(from, count, to); }
void FromE4M3ToBFloat16(const Float8E4M3* from, std::int64_t count, BFloat16* to) {
  FromSmallToBFloat16(from, count, to);
}
void FromE5M2ToBFloat16(const Float8E5M2* from, std::int64_t count, BFloat16* to) {
  FromSmallToBFloat16(from, count, to);
}
void ToFloat16(const float* from, std::int64_t count, Float16* to) {
  ToSmall(from, count, to, Float16::kOverflow);
}
void ToE4M3(const float* from, std::int64_t count, Float8E4M3* to, Overflow overflow) {
  ToSmall(from, count, to, overflow);
}
void ToE5M2(const float* from, std::int64_t count, Float8E5M2* to, Overflow overflow) {
  ToSmall(from, count, to, overflow);
}

}  // namespace
}  // namespace filigree::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace filigree {
namespace {

HWY_EXPORT(FromBFloat16);
HWY_EXPORT(ToBFloat16);
HWY_EXPORT(FromFloat16);
HWY_EXPORT(ToFloat16);
HWY_EXPORT(FromE4M3);
HWY_EXPORT(FromE4M3ToBFloat16);
HWY_EXPORT(ToE4M3);
HWY_EXPORT(FromE5M2);
HWY_EXPORT(FromE5M2ToBFloat16);
HWY_EXPORT(ToE5M2);

}  // namespace

void cast(const BFloat16* from, std::int64_t count, float* to) {
  FILIGREE_SIMD(FromBFloat16)(from, count, to);
}
void cast(const float* from, std::int64_t count, BFloat16* to) { FILIGREE_SIMD(ToBFloat16)(from, count, to); }
void cast(const Float16* from, std::int64_t count, float* to) { FILIGREE_SIMD(FromFloat16)(from, count, to); }
void cast(const float* from, std::int64_t count, Float16* to) { FILIGREE_SIMD(ToFloat16)(from, count, to); }
void cast(const Float8E4M3* from, std::int64_t count, float* to) { FILIGREE_SIMD(FromE4M3)(from, count, to); }
void cast(const Float8E4M3* from, std::int64_t count, BFloat16* to) {
  FILIGREE_SIMD(FromE4M3ToBFloat16)(from, count, to);
}
void cast(const float* from, std::int64_t count, Float8E4M3* to, Overflow overflow) {
  FILIGREE_SIMD(ToE4M3)(from, count, to, overflow);
}
void cast(const Float8E5M2* from, std::int64_t count, float* to) { FILIGREE_SIMD(FromE5M2)(from, count, to); }
void cast(const Float8E5M2* from, std::int64_t count, BFloat16* to) {
  FILIGREE_SIMD(FromE5M2ToBFloat16)(from, count, to);
}
void cast(const float* from, std::int64_t count, Float8E5M2* to, Overflow overflow) {
  FILIGREE_SIMD(ToE5M2)(from, count, to, overflow);
}

}  // namespace filigree
#endif
