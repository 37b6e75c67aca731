#include "filigree/base/isa.h"

#include <hwy/highway.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>

#include "filigree/base/error.h"

namespace filigree {
namespace {

constexpr Isa kAll[] = {Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Bf16};

std::atomic<Isa> g_chosen{Isa::kPortable};

// Highway picks the best target among those left: Highway's AVX3 is our AVX-512.
void limit_highway(Isa isa) {
  std::int64_t disabled = 0;
#if HWY_ARCH_X86
  if (isa < Isa::kAvx512) disabled |= HWY_AVX3_DL | HWY_AVX3;
  if (isa < Isa::kAvx2) disabled |= HWY_AVX2 | HWY_SSE4 | HWY_SSSE3;
#endif
  hwy::SetSupportedTargetsForTest(0);
  hwy::DisableTargets(disabled);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

Isa choose() {
  const Isa detected = detected_isa();
  const char* wanted = std::getenv("FILIGREE_ISA");
  if (wanted == nullptr || *wanted == '\0') return detected;
  for (const Isa isa : kAll) {
    if (isa_name(isa) != wanted) continue;
    if (isa > detected) {
      fail_usage("FILIGREE_ISA={} is more than this CPU has ({}); unset it or name a lower one", wanted,
                 isa_name(detected));
    }
    return isa;
  }
  fail_usage("FILIGREE_ISA={} is unknown; it is one of avx512-bf16, avx512, avx2, portable", wanted);
}

void use(Isa isa) {
  limit_highway(isa);
  g_chosen.store(isa, std::memory_order_release);
}

}  // namespace

std::string_view isa_name(Isa isa) {
  switch (isa) {
    case Isa::kPortable: return "portable";
    case Isa::kAvx2: return "avx2";
    case Isa::kAvx512: return "avx512";
    case Isa::kAvx512Bf16: return "avx512-bf16";
  }
  return "unknown";
}

Isa detected_isa() {
#if HWY_ARCH_X86
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512cd")) {
    return __builtin_cpu_supports("avx512bf16") ? Isa::kAvx512Bf16 : Isa::kAvx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
    return Isa::kAvx2;
#endif
  return Isa::kPortable;
}

Isa chosen_isa() {
  // Once, also where threads start with their first kernels at the same time.
  static const bool once = (use(choose()), true);
  (void)once;
  return g_chosen.load(std::memory_order_acquire);
}

void force_isa(Isa isa) {
  (void)chosen_isa();  // or it would choose anew
  use(isa);
}

std::vector<Isa> usable_isas() {
  std::vector<Isa> usable;
  for (const Isa isa : kAll) {
    if (isa <= detected_isa()) usable.push_back(isa);
  }
  return usable;
}

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) {
      const auto colon = line.find(": ");
      if (colon != std::string::npos) return line.substr(colon + 2);
    }
  }
  return "unknown CPU";
}

std::int64_t l2_cache_bytes() {
  static const std::int64_t bytes = [] {
    constexpr std::int64_t kUsual = 512 << 10;
    const long found = ::sysconf(_SC_LEVEL2_CACHE_SIZE);
    return found > 0 ? std::int64_t{found} : kUsual;
  }();
  return bytes;
}

namespace {
std::atomic<std::int64_t> forced_last_cache_bytes{0};
}  // namespace

void force_last_cache_bytes(std::int64_t bytes) { forced_last_cache_bytes = bytes; }

std::int64_t last_cache_bytes() {
  if (const std::int64_t forced = forced_last_cache_bytes; forced > 0) return forced;
  static const std::int64_t bytes = [] {
    const auto size = static_cast<std::int64_t>(::sysconf(_SC_LEVEL3_CACHE_SIZE));
    return size > 0 ? size : std::int64_t{32} << 20;
  }();
  return bytes;
}

}  // namespace filigree
