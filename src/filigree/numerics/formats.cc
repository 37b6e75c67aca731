#include "filigree/numerics/formats.h"

#include <string>

#include "filigree/base/error.h"
#include "filigree/base/nearest.h"

namespace filigree {

const std::vector<NamedFormat>& float_formats() {
  static const std::vector<NamedFormat> kFormats = std::apply(
      [](const auto&... row) {
        return std::vector<NamedFormat>{NamedFormat{row.name, std::decay_t<decltype(row)>::Type::kFormat,
                                                    std::decay_t<decltype(row)>::Type::kMode}...};
      },
      kFloatTypes);
  return kFormats;
}

const NamedFormat& float_format(std::string_view name) {
  std::vector<std::string> names;
  for (const NamedFormat& row : float_formats()) {
    if (row.name == name) return row;
    names.emplace_back(row.name);
  }
  fail_usage("no number format is named '{}'; did you mean {}?", name, nearest(name, names));
}

}  // namespace filigree
