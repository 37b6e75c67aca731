// When casts write past the caches: memory that is written whole need not be read first, and what follows
// would not find it in a cache anyway.
#pragma once

#include <algorithm>
#include <cstdint>

#include "filigree/base/isa.h"

namespace filigree {

// Between FP32 and T, for arrays that do not fit the last-level cache together.
template <class T>
bool streams(std::int64_t count) {
  constexpr std::int64_t kBytes = sizeof(float) + sizeof(T);
  return count > last_cache_bytes() / kBytes;
}

// Elements before the next multiple of 64 bytes, at most `count`. T's size divides its address.
template <class T>
std::int64_t elements_to_alignment(const T* data, std::int64_t count) {
  const auto beyond = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(data) % 64);
  return std::min(count, beyond == 0 ? 0 : (64 - beyond) / static_cast<std::int64_t>(sizeof(T)));
}

}  // namespace filigree
