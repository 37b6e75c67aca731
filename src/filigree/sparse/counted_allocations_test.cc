// The test program's own operator new, which counts. In a file of its own: where the compiler sees memory
// come from new and go to free(), it warns.
#include "filigree/sparse/counted_allocations.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include "filigree/base/aligned.h"

namespace {
std::atomic<std::int64_t> allocations = 0;
}

void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* const memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  ++allocations;
  const auto align = static_cast<std::size_t>(alignment);
  if (void* const memory = std::aligned_alloc(align, (bytes + align - 1) / align * align)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace filigree::test {

std::int64_t allocation_count() { return allocations; }

namespace {

TEST(CountedAllocations, CountsVectors) {
  const std::int64_t before = allocation_count();
  const std::vector<int> plain(100);
  const AlignedVector<float> aligned(100);
  EXPECT_EQ(allocation_count() - before, 2) << plain.size() + aligned.size();
}

}  // namespace
}  // namespace filigree::test
