#include "filigree/numerics/pack.h"

#include <algorithm>

namespace filigree {
namespace {

// Codes that fill whole bytes together.
template <class T>
struct Group {
  static constexpr int kBits = T::kFormat.bits();
  static constexpr std::int64_t kCodes = kBits == 4 ? 2 : 4;
  static constexpr std::int64_t kBytes = kCodes * kBits / 8;
};

template <class T>
std::uint32_t gather(const T* codes, std::int64_t count) {
  std::uint32_t word = 0;
  for (std::int64_t i = 0; i < count; ++i) word |= std::uint32_t{codes[i].bits} << (i * Group<T>::kBits);
  return word;
}
void store(std::uint32_t word, std::int64_t count, std::uint8_t* bytes) {
  for (std::int64_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(word >> (8 * i));
}

std::uint32_t load(const std::uint8_t* bytes, std::int64_t count) {
  std::uint32_t word = 0;
  for (std::int64_t i = 0; i < count; ++i) word |= std::uint32_t{bytes[i]} << (8 * i);
  return word;
}
template <class T>
void scatter(std::uint32_t word, std::int64_t count, T* codes) {
  constexpr std::uint32_t kMask = (1U << Group<T>::kBits) - 1;
  for (std::int64_t i = 0; i < count; ++i) {
    codes[i].bits = static_cast<std::uint8_t>(word >> (i * Group<T>::kBits) & kMask);
  }
}

}  // namespace

template <Packable T>
void pack(const T* codes, std::int64_t count, std::uint8_t* bytes) {
  using Of = Group<T>;
  std::int64_t i = 0;
  for (; i + Of::kCodes <= count; i += Of::kCodes, bytes += Of::kBytes) {
    store(gather(codes + i, Of::kCodes), Of::kBytes, bytes);
  }
  store(gather(codes + i, count - i), packed_bytes<T>(count - i), bytes);
}

template <Packable T>
void unpack(const std::uint8_t* bytes, std::int64_t count, T* codes) {
  using Of = Group<T>;
  std::int64_t i = 0;
  for (; i + Of::kCodes <= count; i += Of::kCodes, bytes += Of::kBytes) {
    scatter(load(bytes, Of::kBytes), Of::kCodes, codes + i);
  }
  scatter(load(bytes, packed_bytes<T>(count - i)), count - i, codes + i);
}

// NOLINTBEGIN(bugprone-macro-parentheses): a type
#define FILIGREE_PACK(T)                                     \
  template void pack(const T*, std::int64_t, std::uint8_t*); \
  template void unpack(const std::uint8_t*, std::int64_t, T*);
// NOLINTEND(bugprone-macro-parentheses)
FILIGREE_PACK(Float6E3M2)
FILIGREE_PACK(Float6E2M3)
FILIGREE_PACK(Float4E2M1)

}  // namespace filigree
