// The known name nearest to a mistyped one, for error messages.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace filigree {

// Insertions, deletions, substitutions and swaps of neighbours that lead from one text to the other (optimal
// string alignment). ASCII case is ignored.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The first of the nearest; empty where there are no candidates.
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace filigree
