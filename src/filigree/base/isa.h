// The instruction set that kernels run on, chosen once. FILIGREE_ISA (avx512-bf16, avx512, avx2,
// portable) forces a lower one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace filigree {

enum class Isa { kPortable = 0, kAvx2 = 1, kAvx512 = 2, kAvx512Bf16 = 3 };

std::string_view isa_name(Isa isa);
// The best one that this CPU has.
Isa detected_isa();
// The one in use: detected, or lowered by FILIGREE_ISA or force_isa.
// Errors: FILIGREE_ISA names no instruction set, or one that the CPU lacks.
Isa chosen_isa();
// For tests: from now on kernels use `isa`. Not while kernels run.
void force_isa(Isa isa);
// All that this CPU has, lowest first.
std::vector<Isa> usable_isas();
// The CPU's name as the operating system gives it.
std::string cpu_name();
// Bytes of a core's second-level cache; 512 KiB where the system does not say.
std::int64_t l2_cache_bytes();
// Bytes of the last-level cache; 32 MiB where the system does not say.
std::int64_t last_cache_bytes();
// For tests: from now on that many; 0: as they are.
void force_last_cache_bytes(std::int64_t bytes);

}  // namespace filigree
