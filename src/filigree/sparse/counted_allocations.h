// How often this module's test program has allocated memory. Included by tests only.
#pragma once

#include <cstdint>

namespace filigree::test {

std::int64_t allocation_count();

}  // namespace filigree::test
