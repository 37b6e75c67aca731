#include "filigree/numerics/magnitude_counts.h"

#include <algorithm>

namespace filigree {

MagnitudeCuts::MagnitudeCuts(std::vector<std::uint32_t> more) : at_(std::move(more)) {
  at_.push_back(0);
  for (std::uint32_t subnormal = 1; subnormal < 0x800000U; subnormal *= 2) at_.push_back(subnormal);
  for (std::uint32_t field = 1; field < 256; ++field) at_.push_back(field << 23);
  at_.push_back(kInfinity + 1);
  at_.push_back(0x80000000U);
  std::sort(at_.begin(), at_.end());
  at_.erase(std::unique(at_.begin(), at_.end()), at_.end());
  first_.reserve(0x80000000U >> kCellBits);
  std::size_t last = 0;
  for (std::uint32_t cell = 0; cell < 0x80000000U >> kCellBits; ++cell) {
    while (at_[last + 1] <= cell << kCellBits) ++last;
    first_.push_back(static_cast<std::uint16_t>(last));
  }
}

std::int64_t MagnitudeCuts::between(const std::vector<std::int64_t>& counts, std::uint32_t begin,
                                    std::uint32_t end) const {
  std::int64_t sum = 0;
  for (std::size_t i = index(begin); i < size() && at_[i] < end; ++i) sum += counts[i];
  return sum;
}

std::uint32_t first_magnitude_of(const FloatFormat& format, Rounding rounding, std::uint32_t code) {
  // With a bit more for the exponent, codes of the same values are the same, and go on behind them.
  FloatFormat open = format;
  if (!format.is_short_fp32()) {
    ++open.exponent_bits;
    open.specials = Specials::kIeee;
  }
  std::uint32_t below = 0;
  std::uint32_t found = MagnitudeCuts::kInfinity;
  while (found - below > 1) {
    const std::uint32_t middle = below + (found - below) / 2;
    (encode_float(open, middle, {.rounding = rounding}) >= code ? found : below) = middle;
  }
  return found;
}

}  // namespace filigree
