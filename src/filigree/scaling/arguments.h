// What the rules ask of their arguments: no rule gives NaN, infinity or zero for a shape that cannot be.
#pragma once

#include <cstdint>
#include <string_view>

namespace filigree::scaling {

// `size` as a number. Errors (usage): not above 0.
double checked_size(std::int64_t size, std::string_view what);

// Errors (usage): `value` is not within [low, high]; NaN is in no interval.
double checked_between(double value, double low, double high, std::string_view what);

// Errors (usage): not within [0, 1).
double checked_probability(double value, std::string_view what);

}  // namespace filigree::scaling
