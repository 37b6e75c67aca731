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

}  // namespace
}  // namespace filigree::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace filigree {
namespace {

HWY_EXPORT(FromBFloat16);
HWY_EXPORT(ToBFloat16);

}  // namespace

void cast(const BFloat16* from, std::int64_t count, float* to) {
  FILIGREE_SIMD(FromBFloat16)(from, count, to);
}
void cast(const float* from, std::int64_t count, BFloat16* to) { FILIGREE_SIMD(ToBFloat16)(from, count, to); }

}  // namespace filigree
#endif
