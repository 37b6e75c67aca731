// Simulation of a one-dimensional convolution, entry by entry from its definition. Included by tests only.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "filigree/scaling/products.h"
#include "filigree/scaling/test_simulation.h"

namespace filigree::scaling::simulation {

class Convolution {
 public:
  explicit Convolution(const ConvolutionShape& shape)
      : shape_(shape),
        outputs_(output_length(shape)),
        group_in_(shape.channels_in / shape.groups),
        group_out_(shape.channels_out / shape.groups) {}

  MeanSquares simulate(Philox& random) const {
    return {output(random),
            {gradient_of_x(random), gradient_of_weight(random),
             sum_mean_square(random, shape_.batch * outputs_)}};
  }

 private:
  static constexpr std::int64_t kPositions = 60;
  static constexpr std::int64_t kChannels = 8;

  // y[o, c] = sum over taps and channels of x[o * stride + tap * dilation - padding] w[c, tap]
  double output(Philox& random) const {
    return windows(random, outputs_, group_in_, group_out_, [&](std::int64_t o, std::int64_t tap) {
      return inside(o * shape_.stride + tap * shape_.dilation - shape_.padding, shape_.length);
    });
  }

  // The output that meets input i by a tap, if there is one.
  double gradient_of_x(Philox& random) const {
    return windows(random, shape_.length, group_out_, group_in_, [&](std::int64_t i, std::int64_t tap) {
      const std::int64_t start = i + shape_.padding - tap * shape_.dilation;
      return start % shape_.stride == 0 && inside(start / shape_.stride, outputs_) && start >= 0;
    });
  }

  // Over all sequences and output positions, for some pairs of a tap and a channel of x against channels of
  // y.
  double gradient_of_weight(Philox& random) const {
    Rows x = normal_rows(random, kPositions, shape_.batch * outputs_);
    for (std::size_t row = 0; row < x.size(); ++row) {
      const std::int64_t tap = static_cast<std::int64_t>(row) % shape_.kernel;
      for (std::size_t i = 0; i < x[row].size(); ++i) {
        const std::int64_t o = static_cast<std::int64_t>(i) % outputs_;
        const std::int64_t position = o * shape_.stride + tap * shape_.dilation - shape_.padding;
        if (!inside(position, shape_.length)) x[row][i] = 0;
      }
    }
    return product_mean_square(x, normal_rows(random, kChannels, shape_.batch * outputs_));
  }

  static bool inside(std::int64_t position, std::int64_t length) {
    return position >= 0 && position < length;
  }

  // Successive positions from anywhere, around the end, each with what its taps see (0 where `sees` says no).
  template <typename Sees>
  double windows(Philox& random, std::int64_t length, std::int64_t channels_seen, std::int64_t channels,
                 const Sees& sees) const {
    Rows seen = normal_rows(random, std::min(kPositions, length), shape_.kernel * channels_seen);
    auto position = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(length)));
    for (std::vector<float>& window : seen) {
      for (std::int64_t tap = 0; tap < shape_.kernel; ++tap) {
        if (sees(position, tap)) continue;
        std::fill_n(window.begin() + tap * channels_seen, channels_seen, 0.0F);
      }
      position = (position + 1) % length;
    }
    return product_mean_square(
        seen, normal_rows(random, std::min(kChannels, channels), shape_.kernel * channels_seen));
  }

  ConvolutionShape shape_;
  std::int64_t outputs_;
  std::int64_t group_in_;
  std::int64_t group_out_;
};

inline Case draw_convolution(Philox& random) {
  const auto up_to = [&](std::uint64_t last) { return 1 + static_cast<std::int64_t>(random.below(last)); };
  ConvolutionShape shape;
  shape.groups = std::int64_t{1} << random.below(4);
  shape.channels_in = shape.groups * draw_dimension(random, 16, 512);
  shape.channels_out = shape.groups * draw_dimension(random, 16, 512);
  shape.kernel = up_to(12);
  shape.stride = up_to(3);
  shape.dilation = up_to(2);
  shape.padding = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(shape.kernel + 1)));
  shape.length = draw_dimension(random, 24, 8192);
  shape.batch = draw_dimension(random, 1, std::max(1.0, 8192 / static_cast<double>(shape.length)));
  shape.bias = true;
  return {fmt::format("{} x {}, {} to {} in {} groups, kernel {}, stride {}, padding {}, dilation {}",
                      shape.batch, shape.length, shape.channels_in, shape.channels_out, shape.groups,
                      shape.kernel, shape.stride, shape.padding, shape.dilation),
          convolution(shape), [op = Convolution(shape)](Philox& draw) { return op.simulate(draw); }};
}

}  // namespace filigree::scaling::simulation
