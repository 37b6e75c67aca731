// Tables of enumerators and their names.
#pragma once

#include <string>

namespace filigree {

// The name of the row of `names` whose `member` is `value`; empty where there is none.
template <class Names, class Value, class Member>
std::string name_of(const Names& names, Value value, Member member) {
  for (const auto& row : names) {
    if (row.*member == value) return std::string(row.name);
  }
  return {};
}

}  // namespace filigree
