#include "filigree/scaling/arguments.h"

#include "filigree/base/error.h"

namespace filigree::scaling {

double checked_size(std::int64_t size, std::string_view what) {
  if (size <= 0) fail_usage("{} of a scaled op must be above 0, not {}", what, size);
  return static_cast<double>(size);
}

double checked_between(double value, double low, double high, std::string_view what) {
  if (!(value >= low && value <= high)) {
    fail_usage("{} of a scaled op must lie between {} and {}, not {}", what, low, high, value);
  }
  return value;
}

double checked_probability(double value, std::string_view what) {
  if (!(value >= 0 && value < 1)) {
    fail_usage("{} of a scaled op must be at least 0 and below 1, not {}", what, value);
  }
  return value;
}

}  // namespace filigree::scaling
