// From FP32 to narrow formats.
#include "filigree/base/error.h"
#include "filigree/base/simd.h"
#include "filigree/numerics/cast.h"
#include "filigree/numerics/streaming.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filigree/numerics/encode.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include "filigree/numerics/encode-inl.h"
#include "filigree/numerics/encode_halves-inl.h"

HWY_BEFORE_NAMESPACE();
namespace filigree::HWY_NAMESPACE {
namespace {

// To nearest, FP16 itself makes infinity of large values before they could be told apart.
template <class T, Rounding kRounding>
bool by_halves([[maybe_unused]] const CastMode& mode) {
#if FILIGREE_HALVES
  const bool told_apart = T::kFormat.overflow_code(mode) != T::kFormat.infinity_code(mode);
  const bool itself = T::kFormat.fraction_bits == 10 && kRounding == Rounding::kNearestEven;
  return by_way_of_halves(T::kFormat) && kRounding != Rounding::kStochastic && !(itself && told_apart);
#else
  return false;
#endif
}

template <class T, Rounding kRounding>
std::int64_t EncodeByHalvesOrNone([[maybe_unused]] const float* from, std::int64_t i,
                                  [[maybe_unused]] std::int64_t count, [[maybe_unused]] typename T::Bits* to,
                                  [[maybe_unused]] const CastMode& mode, [[maybe_unused]] bool stream) {
#if FILIGREE_HALVES
  if constexpr (by_way_of_halves(T::kFormat) && kRounding != Rounding::kStochastic) {
    return EncodeByHalves<T, kRounding>(from, i, count, to, mode, stream);
  }
#endif
  return i;
}

template <class T, Rounding kRounding>
void FromFloats(const float* from, std::int64_t count, T* to, const CastMode& mode,
                const std::uint32_t* random) {
  const auto* bits = reinterpret_cast<const std::uint32_t*>(from);
  auto* codes = reinterpret_cast<typename T::Bits*>(to);
  const auto one = [&](std::int64_t i) { to[i] = T(from[i], mode, random == nullptr ? 0 : random[i]); };
  std::int64_t i = 0;
  const bool stream = streams<T>(count);
  if (stream) {
    for (const std::int64_t head = elements_to_alignment(to, count); i < head; ++i) one(i);
  }
  if (by_halves<T, kRounding>(mode)) {
    i = EncodeByHalvesOrNone<T, kRounding>(from, i, count, codes, mode, stream);
  } else {
    i = EncodeWords<T, kRounding>(bits, i, count, codes, mode, random, stream);
  }
  for (; i < count; ++i) one(i);
}

void EncodeFormat(int format, const float* from, std::int64_t count, void* to, const CastMode& mode,
                  const std::uint32_t* random) {
  visit_format(format, [&](auto type) {
    auto* codes = static_cast<decltype(type)*>(to);
    switch (mode.rounding) {
      case Rounding::kNearestEven:
        return FromFloats<decltype(type), Rounding::kNearestEven>(from, count, codes, mode, nullptr);
      case Rounding::kTowardZero:
        return FromFloats<decltype(type), Rounding::kTowardZero>(from, count, codes, mode, nullptr);
      case Rounding::kStochastic:
        return FromFloats<decltype(type), Rounding::kStochastic>(from, count, codes, mode, random);
    }
  });
}

}  // namespace
}  // namespace filigree::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace filigree {
namespace {

HWY_EXPORT(EncodeFormat);

}  // namespace

void encode_format(int format, const float* from, std::int64_t count, void* to, const CastMode& mode,
                   const std::uint32_t* random) {
  if (mode.rounding == Rounding::kStochastic && random == nullptr) {
    fail("stochastic rounding needs 32 random bits for each value: give them, or round otherwise");
  }
  FILIGREE_SIMD(EncodeFormat)(format, from, count, to, mode, random);
}

}  // namespace filigree
#endif
