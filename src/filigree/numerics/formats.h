// The list of number formats: a new one is a row of traits (float8.h shows how) and a line in FloatTypes.
// Casts, statistics, options and the exhaustive tests run over it.
#pragma once

#include <string_view>
#include <tuple>
#include <vector>

#include "filigree/numerics/bfloat16.h"
#include "filigree/numerics/float16.h"
#include "filigree/numerics/float8.h"
#include "filigree/numerics/mx_elements.h"

namespace filigree {

template <class T>
struct NamedFloat {
  using Type = T;
  std::string_view name;
};

inline constexpr std::tuple kFloatTypes{
    NamedFloat<Float16>{"float16"},
    NamedFloat<BFloat16>{"bfloat16"},
    NamedFloat<Float8E4M3>{"float8-e4m3"},
    NamedFloat<Float8E5M2>{"float8-e5m2"},
    NamedFloat<Float8E4M3Fnuz>{"float8-e4m3-fnuz"},
    NamedFloat<Float8E5M2Fnuz>{"float8-e5m2-fnuz"},
    NamedFloat<Float8E4M3Ieee>{"float8-e4m3-ieee"},
    NamedFloat<Float6E3M2>{"float6-e3m2"},
    NamedFloat<Float6E2M3>{"float6-e2m3"},
    NamedFloat<Float4E2M1>{"float4-e2m1"},
};

// The place of a type in the list; no other type has one.
template <class T>
constexpr int format_index() {
  constexpr int kIndex = std::apply(
      [](const auto&... row) {
        int index = 0;
        const bool found =
            ((std::is_same_v<T, typename std::decay_t<decltype(row)>::Type> || (++index, false)) || ...);
        return found ? index : -1;
      },
      kFloatTypes);
  static_assert(kIndex >= 0, "not a type of kFloatTypes");
  return kIndex;
}

// Calls visit(T{}) for the type at that place.
template <class Visit>
void visit_format(int index, const Visit& visit) {
  std::apply(
      [&](const auto&... row) {
        int place = 0;
        (void)((place++ == index && (visit(typename std::decay_t<decltype(row)>::Type{}), true)) || ...);
      },
      kFloatTypes);
}

// A row of the list without its type.
struct NamedFormat {
  std::string_view name;
  FloatFormat format;
  CastMode mode;  // that of its type's constructor
};
const std::vector<NamedFormat>& float_formats();
// Errors: no format of that name; the message names the nearest.
const NamedFormat& float_format(std::string_view name);

}  // namespace filigree
