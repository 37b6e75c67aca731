#include "filigree/numerics/mx.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "filigree/base/error.h"
#include "filigree/numerics/cast.h"

namespace filigree {
namespace {

// Values that are converted by one call, whole blocks: in the first-level cache.
constexpr std::int64_t kBatch = 1024;
constexpr std::uint32_t kInfinity = 0x7F800000U;
constexpr std::uint32_t kNan = 0x7FC00000U;

void check_block(int block) {
  if (block != 16 && block != 32) fail_usage("MX blocks have 32 or 16 values, not {}", block);
}

template <class T>
constexpr int largest_exponent() {
  return static_cast<int>(decode_float(T::kFormat, T::kFormat.largest_finite()) >> 23) - 127;
}

// Of a finite magnitude other than zero.
int floor_log2(std::uint32_t magnitude) {
  if (magnitude >= 0x800000U) return static_cast<int>(magnitude >> 23) - 127;
  return -118 - std::countl_zero(magnitude);
}

std::uint32_t largest_magnitude(const float* values, std::int64_t count) {
  std::int32_t largest = 0;  // magnitudes have no highest bit
  for (std::int64_t i = 0; i < count; ++i) {
    largest =
        std::max(largest, static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(values[i]) & 0x7FFFFFFFU));
  }
  return static_cast<std::uint32_t>(largest);
}

template <class T>
E8M0 block_scale(const float* values, std::int64_t count) {
  const std::uint32_t largest = largest_magnitude(values, count);
  if (largest >= kInfinity) return E8M0::nan();
  return E8M0::power(largest == 0 ? -E8M0::kBias : floor_log2(largest) - largest_exponent<T>());
}

// The value of these bits times 2^exponent, by integers. Cut off where it is below FP32's smallest.
std::uint32_t times_power(std::uint32_t bits, int exponent) {
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  const std::uint32_t sign = bits ^ magnitude;
  if (magnitude == 0 || magnitude >= kInfinity) return bits;
  const int up = magnitude < 0x800000U ? std::countl_zero(magnitude) - 8 : 0;
  const std::uint32_t significand = up > 0 ? magnitude << up : (magnitude & 0x7FFFFFU) | 0x800000U;
  const int field = (up > 0 ? 1 - up : static_cast<int>(magnitude >> 23)) + exponent;
  if (field >= 255) return sign | kInfinity;
  if (field >= 1) return sign | static_cast<std::uint32_t>(field) << 23 | (significand & 0x7FFFFFU);
  return field < -23 ? sign : sign | significand >> (1 - field);
}

// to[i] = from[i] * 2^exponent, exact in FP32's range. In the middle of it the processor may multiply.
void multiply(const float* from, std::int64_t count, int exponent, bool in_the_middle, float* to) {
  if (in_the_middle) {
    const auto factor = static_cast<float>(E8M0::power(exponent));
    for (std::int64_t i = 0; i < count; ++i) to[i] = from[i] * factor;
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    to[i] = std::bit_cast<float>(times_power(std::bit_cast<std::uint32_t>(from[i]), exponent));
  }
}

// Where the scale is at least 2^-64, whatever the processor may flush to zero, before or after, is so far
// below the smallest element that it becomes zero however it is rounded.
void divide_by_scale(const float* from, std::int64_t count, E8M0 scale, float* to) {
  if (scale.is_nan()) {
    std::fill_n(to, count, 0.0F);
    return;
  }
  const int exponent = scale.exponent();
  multiply(from, count, -exponent, exponent >= -64 && exponent <= 126, to);
}

void multiply_by_scale(std::int64_t count, E8M0 scale, float* values) {
  if (scale.is_nan()) {
    std::fill_n(values, count, std::bit_cast<float>(kNan));
    return;
  }
  const int exponent = scale.exponent();
  multiply(values, count, exponent, exponent >= -100 && exponent <= 100, values);
}

// As the constructor rounds to nearest, in vectors.
void encode_nearest(const float* from, std::int64_t count, MxInt8* codes) {
  constexpr float kAnchor = 0x1p17F;  // a sum's last place is 1/64: the addition rounds
  for (std::int64_t i = 0; i < count; ++i) {
    const float sum = std::abs(from[i]) + kAnchor;
    const auto units =
        static_cast<int>(std::bit_cast<std::uint32_t>(sum) - std::bit_cast<std::uint32_t>(kAnchor));
    const int magnitude = std::min(units, 127);
    codes[i].bits = static_cast<std::int8_t>(from[i] < 0 ? -magnitude : magnitude);
  }
}

template <class T>
void encode(const float* from, std::int64_t count, T* codes, const CastMode& mode,
            const std::uint32_t* random) {
  if constexpr (!std::same_as<T, MxInt8>) {
    cast(from, count, codes, mode, random);
  } else if (mode.rounding == Rounding::kNearestEven) {
    encode_nearest(from, count, codes);
  } else {
    for (std::int64_t i = 0; i < count; ++i) {
      codes[i] = MxInt8(from[i], mode, random == nullptr ? 0 : random[i]);
    }
  }
}

template <class T>
void decode(const T* codes, std::int64_t count, float* to) {
  if constexpr (std::same_as<T, MxInt8>) {
    for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(codes[i]);
  } else {
    cast(codes, count, to);
  }
}

// body(begin, count) for each block.
template <class Body>
void for_each_block(std::int64_t count, std::int64_t block, const Body& body) {
  for (std::int64_t begin = 0; begin < count; begin += block) body(begin, std::min(block, count - begin));
}

}  // namespace

template <MxElement T>
void quantise(const float* from, std::int64_t count, E8M0* scales, T* codes, const MxOptions& options,
              const std::uint32_t* random) {
  check_block(options.block);
  const bool stochastic = options.rounding == Rounding::kStochastic;
  if (stochastic && random == nullptr) {
    fail("stochastic rounding needs 32 random bits for each value: give them, or round otherwise");
  }
  const CastMode mode{.rounding = options.rounding, .overflow = Overflow::kSaturate};
  float scaled[kBatch];
  for_each_block(count, kBatch, [&](std::int64_t begin, std::int64_t batch) {
    for_each_block(batch, options.block, [&](std::int64_t at, std::int64_t size) {
      const float* const values = from + begin + at;
      E8M0& scale = scales[(begin + at) / options.block];
      scale = block_scale<T>(values, size);
      divide_by_scale(values, size, scale, scaled + at);
    });
    encode(scaled, batch, codes + begin, mode, stochastic ? random + begin : nullptr);
  });
}

template <MxElement T>
void dequantise(const E8M0* scales, const T* codes, std::int64_t count, float* to, int block) {
  check_block(block);
  for_each_block(count, kBatch, [&](std::int64_t begin, std::int64_t batch) {
    decode(codes + begin, batch, to + begin);
    for_each_block(batch, block, [&](std::int64_t at, std::int64_t size) {
      multiply_by_scale(size, scales[(begin + at) / block], to + begin + at);
    });
  });
}

// NOLINTBEGIN(bugprone-macro-parentheses): a type
#define FILIGREE_MX(T)                                                                                   \
  template void quantise(const float*, std::int64_t, E8M0*, T*, const MxOptions&, const std::uint32_t*); \
  template void dequantise(const E8M0*, const T*, std::int64_t, float*, int);
// NOLINTEND(bugprone-macro-parentheses)
FILIGREE_MX(Float8E4M3)
FILIGREE_MX(Float8E5M2)
FILIGREE_MX(Float6E3M2)
FILIGREE_MX(Float6E2M3)
FILIGREE_MX(Float4E2M1)
FILIGREE_MX(MxInt8)

}  // namespace filigree
