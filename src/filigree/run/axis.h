// Axes of charts: where ticks stand and what is written at them.
#pragma once

#include <string>
#include <vector>

namespace filigree::run {

struct Tick {
  double value;
  std::string label;
};

struct Axis {
  double lo = 0;
  double hi = 1;
  bool logarithmic = false;
  std::vector<Tick> ticks;

  // Where `value` stands between the ends: 0 at lo, 1 at hi.
  double position(double value) const;
};

// About `count` ticks at multiples of 1, 2 or 5 times a power of ten, labelled alike: decimals as the step
// needs them, 1,500 below ten thousand, 12k, 2.5M above it. With `widen` the axis ends at ticks. Equal ends
// are moved apart.
Axis linear_axis(double lo, double hi, int count, bool widen);

// Ticks at powers of ten, and at 2 and 5 times these where there are few. 0 < lo <= hi.
Axis log_axis(double lo, double hi);

// "2.62 G", "40.0 k", "5.31", "1.20 m": `digits` significant ones and an SI prefix, to which a unit can be
// added.
std::string format_si(double value, int digits);

}  // namespace filigree::run
