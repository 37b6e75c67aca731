// From FP32 to narrow formats.
#include "filigree/base/error.h"
#include "filigree/base/simd.h"
#include "filigree/numerics/cast.h"

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

template <class T, Rounding kRounding>
void FromFloats(const float* from, std::int64_t count, T* to, const CastMode& mode,
                const std::uint32_t* random) {
  const auto* bits = reinterpret_cast<const std::uint32_t*>(from);
  auto* codes = reinterpret_cast<typename T::Bits*>(to);
  std::int64_t i = 0;
#if FILIGREE_HALVES
  if constexpr (by_way_of_halves(T::kFormat) && kRounding != Rounding::kStochastic) {
    i = EncodeByHalves<T, kRounding>(from, count, codes, mode);
  } else {
    i = EncodeWords<T, kRounding>(bits, count, codes, mode, random);
  }
#else
  i = EncodeWords<T, kRounding>(bits, count, codes, mode, random);
#endif
  for (; i < count; ++i) to[i] = T(from[i], mode, random == nullptr ? 0 : random[i]);
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

template <class T>
void cast(const float* from, std::int64_t count, T* to, CastMode mode, const std::uint32_t* random) {
  if (mode.rounding == Rounding::kStochastic && random == nullptr) {
    fail("stochastic rounding needs 32 random bits for each value: give them, or round otherwise");
  }
  FILIGREE_SIMD(EncodeFormat)(format_index<T>(), from, count, to, mode, random);
}

// NOLINTNEXTLINE(bugprone-macro-parentheses): a type
#define FILIGREE_ENCODE(T) template void cast(const float*, std::int64_t, T*, CastMode, const std::uint32_t*);
FILIGREE_ENCODE(Float16)
FILIGREE_ENCODE(BFloat16)
FILIGREE_ENCODE(Float8E4M3)
FILIGREE_ENCODE(Float8E5M2)
FILIGREE_ENCODE(Float8E4M3Fnuz)
FILIGREE_ENCODE(Float8E5M2Fnuz)
FILIGREE_ENCODE(Float8E4M3Ieee)
FILIGREE_ENCODE(Float6E3M2)
FILIGREE_ENCODE(Float6E2M3)
FILIGREE_ENCODE(Float4E2M1)

}  // namespace filigree
#endif
