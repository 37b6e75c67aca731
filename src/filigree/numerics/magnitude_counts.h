// Counts of FP32 magnitudes between cuts: numbers of values that do or do not reach a limit, for many limits
// at once.
#pragma once

#include <cstdint>
#include <vector>

#include "filigree/numerics/float_format.h"

namespace filigree {

// A sorted list of FP32 magnitudes, given by their bits, in whose gaps values are counted.
class MagnitudeCuts {
 public:
  static constexpr std::uint32_t kInfinity = 0x7F800000U;

  // At `more`, and everywhere where the exponent changes: at 1, infinity and the first NaN as well.
  explicit MagnitudeCuts(std::vector<std::uint32_t> more);

  std::size_t size() const { return at_.size() - 1; }
  // The last cut that is not above the magnitude.
  std::size_t index(std::uint32_t magnitude) const {
    std::size_t index = first_[magnitude >> kCellBits];
    while (magnitude >= at_[index + 1]) ++index;
    return index;
  }
  // The sum of the counts from the cut `begin` on to below the cut `end`: both are cuts, or `end` is 2^31.
  std::int64_t between(const std::vector<std::int64_t>& counts, std::uint32_t begin, std::uint32_t end) const;

 private:
  // Few magnitudes share a cell with a cut that is not at its lower end: the search takes no step, as a rule.
  static constexpr int kCellBits = 18;

  std::vector<std::uint32_t> at_;     // and one behind all magnitudes
  std::vector<std::uint16_t> first_;  // the last cut that is not above a cell's lower end
};

// The bits of the smallest magnitude that rounds to `code` or beyond, as if the format's exponents had no
// upper end; kInfinity where no finite one does. Not stochastic.
std::uint32_t first_magnitude_of(const FloatFormat& format, Rounding rounding, std::uint32_t code);

}  // namespace filigree
