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

void* count_and_allocate(std::size_t bytes) noexcept {
  ++allocations;
  return std::malloc(bytes == 0 ? 1 : bytes);
}
void* count_and_allocate(std::size_t bytes, std::align_val_t alignment) noexcept {
  ++allocations;
  const auto align = static_cast<std::size_t>(alignment);
  return std::aligned_alloc(align, (bytes + align - 1) / align * align);
}
void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// All forms: one left to a sanitizer's runtime (std::stable_sort takes the one that does not throw) would
// give memory that free() must not get.
void* operator new(std::size_t bytes) { return or_throw(count_and_allocate(bytes)); }
void* operator new[](std::size_t bytes) { return or_throw(count_and_allocate(bytes)); }
void* operator new(std::size_t bytes, std::align_val_t align) {
  return or_throw(count_and_allocate(bytes, align));
}
void* operator new[](std::size_t bytes, std::align_val_t align) {
  return or_throw(count_and_allocate(bytes, align));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return count_and_allocate(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return count_and_allocate(bytes); }
void* operator new(std::size_t bytes, std::align_val_t align, const std::nothrow_t&) noexcept {
  return count_and_allocate(bytes, align);
}
void* operator new[](std::size_t bytes, std::align_val_t align, const std::nothrow_t&) noexcept {
  return count_and_allocate(bytes, align);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }

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
