// encode_float() in lanes of 32 bits: every format, every mode, every instruction set.
#if defined(FILIGREE_NUMERICS_ENCODE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FILIGREE_NUMERICS_ENCODE_INL_H_
#undef FILIGREE_NUMERICS_ENCODE_INL_H_
#else
#define FILIGREE_NUMERICS_ENCODE_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <cstdint>

#include "filigree/numerics/float_format.h"

HWY_BEFORE_NAMESPACE();
namespace filigree::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using Words = hn::ScalableTag<std::uint32_t>;
using Word = hn::Vec<Words>;

inline Word Set(std::uint32_t value) { return hn::Set(Words(), value); }

// To the nearest. The code of a finite magnitude, which may be beyond the largest.
template <class T>
Word RoundToNearest(Word magnitude) {
  constexpr FloatFormat kFormat = T::kFormat;
  const auto rebased = hn::Sub(magnitude, Set(kFormat.rebase()));
  const auto odd = hn::And(hn::ShiftRight<kFormat.shift()>(rebased), Set(1U));
  constexpr std::uint32_t kBelowHalf = (1U << (kFormat.shift() - 1)) - 1;
  const auto normal = hn::ShiftRight<kFormat.shift()>(hn::Add(rebased, hn::Add(odd, Set(kBelowHalf))));
  if constexpr (kFormat.is_short_fp32()) return normal;
  // A sum whose last place is the smallest subnormal: the addition rounds. Denormals of FP32 give zero,
  // whether the processor sees them or not.
  const hn::RebindToFloat<Words> floats;
  constexpr std::uint32_t kAnchor =
      kFormat.smallest_normal() + (static_cast<std::uint32_t>(kFormat.shift()) << 23);
  const auto sum = hn::Add(hn::BitCast(floats, magnitude), hn::BitCast(floats, Set(kAnchor)));
  const auto subnormal = hn::Sub(hn::BitCast(Words(), sum), Set(kAnchor));
  return hn::IfThenElse(hn::Lt(magnitude, Set(kFormat.smallest_normal())), subnormal, normal);
}

// Toward zero, likewise.
template <class T>
Word CutOff(Word magnitude) {
  constexpr FloatFormat kFormat = T::kFormat;
  const auto normal = hn::ShiftRight<kFormat.shift()>(hn::Sub(magnitude, Set(kFormat.rebase())));
  if constexpr (kFormat.is_short_fp32()) return normal;
  // In units of the smallest subnormal.
  const hn::RebindToFloat<Words> floats;
  constexpr auto kUnits = static_cast<std::uint32_t>(126 + kFormat.bias + kFormat.fraction_bits) << 23;
  const auto units = hn::Mul(hn::BitCast(floats, magnitude), hn::BitCast(floats, Set(kUnits)));
  const auto subnormal = hn::BitCast(Words(), hn::ConvertTo(hn::RebindToSigned<Words>(), units));
  return hn::IfThenElse(hn::Lt(magnitude, Set(kFormat.smallest_normal())), subnormal, normal);
}

// As round_off() does: the code, and the part that goes, in units of 2^-32.
template <class T>
void SplitAtPoint(Word magnitude, Word& whole, Word& part) {
  constexpr FloatFormat kFormat = T::kFormat;
  const auto rebased = hn::Sub(magnitude, Set(kFormat.rebase()));
  whole = hn::ShiftRight<kFormat.shift()>(rebased);
  part = hn::ShiftLeft<32 - kFormat.shift()>(rebased);
  if constexpr (kFormat.is_short_fp32()) return;
  const auto value = hn::Or(hn::And(magnitude, Set(0x7FFFFFU)), Set(0x800000U));
  // By how much subnormals go down; FP32's own, whose implied bit is none, by so much that nothing is left.
  constexpr std::uint32_t kDown = static_cast<std::uint32_t>(kFormat.shift() + 128 - kFormat.bias);
  const auto down = hn::Min(hn::Sub(Set(kDown), hn::ShiftRight<23>(magnitude)), Set(63U));
  const auto small = hn::Lt(magnitude, Set(kFormat.smallest_normal()));
  const auto up = hn::Shl(value, hn::Min(hn::Sub(Set(32U), hn::Min(down, Set(32U))), Set(31U)));
  const auto far = hn::Shr(value, hn::Min(hn::Sub(hn::Max(down, Set(32U)), Set(32U)), Set(31U)));
  const auto part_below = hn::IfThenElse(hn::Gt(down, Set(32U)), far, up);
  whole = hn::IfThenElse(small, hn::Shr(value, hn::Min(down, Set(31U))), whole);
  part = hn::IfThenElse(small, part_below, part);
}

template <class T, Rounding kRounding>
Word RoundMagnitude(Word magnitude, Word random) {
  if constexpr (kRounding == Rounding::kNearestEven) return RoundToNearest<T>(magnitude);
  if constexpr (kRounding == Rounding::kTowardZero) return CutOff<T>(magnitude);
  Word whole;
  Word part;
  SplitAtPoint<T>(magnitude, whole, part);
  const auto sum = hn::Add(part, random);
  return hn::IfThenElse(hn::Lt(sum, part), hn::Add(whole, Set(1U)), whole);
}

// What finite values beyond the largest become, and infinity, depends on the mode.
struct Limits {
  Word overflow;
  Word infinity;
};

template <class T, Rounding kRounding, bool kInfinityApart>
Word EncodeWord(Word bits, Word random, const Limits& limits) {
  constexpr FloatFormat kFormat = T::kFormat;
  const auto magnitude = hn::And(bits, Set(0x7FFFFFFFU));
  auto sign = hn::ShiftRight<32 - kFormat.bits()>(hn::Xor(bits, magnitude));
  const auto code = RoundMagnitude<T, kRounding>(magnitude, random);
  // Codes of what is beyond follow that of the largest value, and infinity rounds to one beyond.
  auto all = hn::Min(code, limits.overflow);
  if constexpr (kInfinityApart) {
    all = hn::IfThenElse(hn::Eq(magnitude, Set(0x7F800000U)), limits.infinity, all);
  }
  auto nan = Set(kFormat.nan());
  if constexpr (kFormat.has_infinity()) {
    nan = hn::Or(nan, hn::And(hn::ShiftRight<kFormat.shift()>(bits), Set(kFormat.fraction_mask())));
  }
  all = hn::IfThenElse(hn::Gt(magnitude, Set(0x7F800000U)), nan, all);
  if constexpr (kFormat.specials == Specials::kNegativeZeroNan) {
    sign = hn::IfThenZeroElse(hn::Eq(all, Set(0U)), sign);
  }
  return hn::Or(sign, all);
}

// The same for FP32 cut short, to nearest, where all that is beyond becomes infinity: rounding does that,
// sign and all.
template <class T>
Word EncodeShort(Word bits) {
  constexpr int kCut = T::kFormat.shift();
  const auto odd = hn::And(hn::ShiftRight<kCut>(bits), Set(1U));
  const auto half = hn::Add(odd, Set((1U << (kCut - 1)) - 1));
  const auto nan = hn::Gt(hn::And(bits, Set(0x7FFFFFFFU)), Set(0x7F800000U));
  const auto quiet = hn::Or(bits, Set(T::kFormat.quiet_bit() << kCut));
  return hn::ShiftRight<kCut>(hn::IfThenElse(nan, quiet, hn::Add(bits, half)));
}

// Codes fit: no saturation.
template <class Codes>
hn::Vec<Codes> Narrow(Word encoded, Codes codes) {
  return hn::DemoteTo(codes, hn::BitCast(hn::RebindToSigned<Words>(), encoded));
}

template <class T>
std::int64_t EncodeShorts(const std::uint32_t* from, std::int64_t i, std::int64_t count, typename T::Bits* to,
                          bool stream) {
  const Words words;
  const hn::Rebind<typename T::Bits, Words> codes;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(words));
  if (stream) {
    for (; i + lanes <= count; i += lanes) {
      hn::Stream(Narrow(EncodeShort<T>(hn::LoadU(words, from + i)), codes), codes, to + i);
    }
    hwy::FlushStream();
  }
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(Narrow(EncodeShort<T>(hn::LoadU(words, from + i)), codes), codes, to + i);
  }
  return i;
}

template <class T, Rounding kRounding, bool kInfinityApart>
std::int64_t EncodeWordsWithin(const std::uint32_t* from, std::int64_t i, std::int64_t count,
                               typename T::Bits* to, const Limits& limits, const std::uint32_t* random) {
  const Words words;
  const hn::Rebind<typename T::Bits, Words> codes;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(words));
  for (; i + lanes <= count; i += lanes) {
    Word draws = Set(0U);
    if constexpr (kRounding == Rounding::kStochastic) draws = hn::LoadU(words, random + i);
    const auto encoded = EncodeWord<T, kRounding, kInfinityApart>(hn::LoadU(words, from + i), draws, limits);
    hn::StoreU(Narrow(encoded, codes), codes, to + i);
  }
  return i;
}

// Whole vectors from `i` on; where that came to. `stream`: `to` is aligned at `i`.
template <class T, Rounding kRounding>
std::int64_t EncodeWords(const std::uint32_t* from, std::int64_t i, std::int64_t count, typename T::Bits* to,
                         const CastMode& mode, const std::uint32_t* random, [[maybe_unused]] bool stream) {
  const std::uint32_t overflow = T::kFormat.overflow_code(mode);
  const std::uint32_t infinity = T::kFormat.infinity_code(mode);
  if constexpr (T::kFormat.is_short_fp32() && kRounding == Rounding::kNearestEven) {
    if (overflow == T::kFormat.non_finite()) return EncodeShorts<T>(from, i, count, to, stream);
  }
  const Limits limits{.overflow = Set(overflow), .infinity = Set(infinity)};
  if (overflow == infinity) {
    return EncodeWordsWithin<T, kRounding, false>(from, i, count, to, limits, random);
  }
  return EncodeWordsWithin<T, kRounding, true>(from, i, count, to, limits, random);
}

}  // namespace
}  // namespace filigree::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
