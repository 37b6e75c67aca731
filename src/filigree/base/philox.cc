#include "filigree/base/philox.h"

#include <Random123/philox.h>

#include <cmath>
#include <numbers>

namespace filigree {

// The counter's first word counts blocks; two words hold the index. Purpose and sub-index are folded, with
// the seed, into the key and the fourth word: streams of one purpose and sub-index are disjoint by
// construction, others by 96 bits of hash.
Philox::Philox(std::uint64_t seed, Purpose purpose, std::uint64_t index, std::uint32_t sub_index)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)} {
  const r123::Philox4x32 generator;
  const r123::Philox4x32::ctr_type named = generator(
      {{static_cast<std::uint32_t>(purpose), sub_index, 0x46494c49U, 0x47524545U}}, {{key_[0], key_[1]}});
  key_ = {named[0], named[1]};
  counter_ = {0, static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), named[2]};
}

std::uint32_t Philox::next_u32() {
  if (used_ == 4) {
    const r123::Philox4x32 generator;
    const auto block =
        generator({{counter_[0], counter_[1], counter_[2], counter_[3]}}, {{key_[0], key_[1]}});
    for (unsigned i = 0; i < 4; ++i) block_[i] = block[i];
    ++counter_[0];
    used_ = 0;
  }
  return block_[used_++];
}

std::uint64_t Philox::next_u64() {
  const std::uint64_t low = next_u32();
  return low | static_cast<std::uint64_t>(next_u32()) << 32;
}

std::uint64_t Philox::below(std::uint64_t bound) {
  const std::uint64_t threshold = (0 - bound) % bound;  // 2^64 mod bound
  for (;;) {
    const std::uint64_t draw = next_u64();
    if (draw >= threshold) return draw % bound;
  }
}

double Philox::uniform() { return static_cast<double>(next_u64() >> 11) * 0x1.0p-53; }

double Philox::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  const double angle = 2.0 * std::numbers::pi * uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

double Philox::truncated_normal(double limit) {
  for (;;) {
    const double draw = normal();
    if (std::abs(draw) <= limit) return draw;
  }
}

}  // namespace filigree
