#include "filigree/models/parameter.h"

#include "filigree/base/error.h"
#include "filigree/numerics/norm.h"

namespace filigree::models {

const std::string& Parameter::part_name(std::int64_t index) const {
  for (const ParameterPart& part : parts) {
    if (index < part.offset + part.count()) return part.name;
  }
  return parts.back().name;
}

void check_finite(const ParameterList& parameters, std::int64_t step) {
  for (const auto& parameter : parameters) {
    const auto check = [&](const Tensor& tensor, const char* what) {
      if (!tensor.defined()) return;
      const std::int64_t at = find_non_finite(tensor.data_ptr<float>(), tensor.numel());
      if (at < 0) return;
      fail("{} of {} is {} at step {}", what, parameter->part_name(at), tensor.data_ptr<float>()[at], step);
    };
    check(parameter->value, "a value");
    check(parameter->first_moment, "a first moment");
    check(parameter->second_moment, "a second moment");
  }
}

}  // namespace filigree::models
