// Codes of 4 and 6 bits without gaps, as they are stored and sent. Code i has the bits from bits * i on,
// counted from the lowest bit of the first byte: of 4 bits, two a byte, the lower half first; of 6 bits, four
// in three bytes. Bits of the last byte that no code has are zero.
#pragma once

#include <concepts>
#include <cstdint>

#include "filigree/numerics/mx_elements.h"

namespace filigree {

template <typename T>
concept Packable = std::same_as<T, Float6E3M2> || std::same_as<T, Float6E2M3> || std::same_as<T, Float4E2M1>;

template <Packable T>
constexpr std::int64_t packed_bytes(std::int64_t count) {
  return (count * T::kFormat.bits() + 7) / 8;
}

// bytes[packed_bytes<T>(count)] of codes[count].
template <Packable T>
void pack(const T* codes, std::int64_t count, std::uint8_t* bytes);

// codes[count] of bytes[packed_bytes<T>(count)].
template <Packable T>
void unpack(const std::uint8_t* bytes, std::int64_t count, T* codes);

}  // namespace filigree
