// For tests: as long as one lives, this thread's floating-point instructions take denormals for zero and
// flush them to it, as programs that want speed have them do. Nothing on other than x86 CPUs.
#pragma once

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace filigree::test {

class DenormalsAsZero {
 public:
#if defined(__SSE2__)
  DenormalsAsZero() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040U); }
  ~DenormalsAsZero() { _mm_setcsr(before_); }
#else
  DenormalsAsZero() = default;
#endif
  DenormalsAsZero(const DenormalsAsZero&) = delete;
  DenormalsAsZero& operator=(const DenormalsAsZero&) = delete;

#if defined(__SSE2__)
 private:
  unsigned before_;
#endif
};

}  // namespace filigree::test
