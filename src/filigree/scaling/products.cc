#include "filigree/scaling/products.h"

#include <algorithm>
#include <cmath>

#include "filigree/base/error.h"
#include "filigree/scaling/arguments.h"

namespace filigree::scaling {
namespace {

double inverse_root(double terms) { return 1 / std::sqrt(terms); }

// Pairs of an output position and a tap that fall on a position of the input, not on padding.
double products_per_sequence(const ConvolutionShape& shape) {
  const std::int64_t outputs = output_length(shape);
  std::int64_t pairs = 0;
  for (std::int64_t tap = 0; tap < shape.kernel; ++tap) {
    // Output o meets input o * stride + offset.
    const std::int64_t offset = tap * shape.dilation - shape.padding;
    const std::int64_t first = offset >= 0 ? 0 : (-offset + shape.stride - 1) / shape.stride;
    const std::int64_t reach = shape.length - 1 - offset;
    const std::int64_t end = reach < 0 ? 0 : std::min(outputs, reach / shape.stride + 1);
    pairs += std::max<std::int64_t>(0, end - first);
  }
  if (pairs == 0) fail_usage("the kernel of a scaled convolution touches nothing but padding");
  return static_cast<double>(pairs);
}

void check(const ConvolutionShape& shape) {
  checked_size(shape.batch, "batch");
  checked_size(shape.length, "length");
  checked_size(shape.channels_in, "channels in");
  checked_size(shape.channels_out, "channels out");
  checked_size(shape.kernel, "kernel");
  checked_size(shape.groups, "groups");
  checked_size(shape.stride, "stride");
  checked_size(shape.dilation, "dilation");
  if (shape.padding < 0) fail_usage("padding of a scaled op must not be negative, as {} is", shape.padding);
  if (shape.channels_in % shape.groups != 0 || shape.channels_out % shape.groups != 0) {
    fail_usage("{} groups do not divide {} channels in and {} out", shape.groups, shape.channels_in,
               shape.channels_out);
  }
}

}  // namespace

Factors matmul(std::int64_t rows, std::int64_t inner, std::int64_t columns) {
  return {
      .output = inverse_root(checked_size(inner, "inner dimension")),
      .inputs = {inverse_root(checked_size(columns, "columns")), inverse_root(checked_size(rows, "rows"))}};
}

Factors linear(const LinearShape& shape, const ScalePower& power) {
  const double tokens = checked_size(shape.tokens, "tokens");
  const double fan_in = checked_size(shape.fan_in, "fan-in");
  const double fan_out = checked_size(shape.fan_out, "fan-out");
  checked_between(shape.density, 1 / (fan_in * fan_out), 1, "density");
  checked_between(power.fan_in, 0, 2, "power of fan-in");
  checked_between(power.fan_out, 0, 2, "power of fan-out");
  checked_between(power.batch, 0, 2, "power of batch");
  const double by_batch = std::pow(tokens, -power.batch);
  Factors factors{.output = std::pow(fan_in * shape.density, -power.fan_in),
                  .inputs = {std::pow(fan_out * shape.density, -power.fan_out), by_batch}};
  if (shape.bias) factors.inputs.push_back(by_batch);
  return factors;
}

Factors linear_readout(const LinearShape& shape) { return linear(shape, kReadoutPower); }

std::int64_t output_length(const ConvolutionShape& shape) {
  check(shape);
  const std::int64_t reach = (shape.kernel - 1) * shape.dilation + 1;
  const std::int64_t room = shape.length + 2 * shape.padding - reach;
  if (room < 0) {
    fail_usage(
        "a kernel that reaches over {} positions does not fit into {} with {} of padding on either side",
        reach, shape.length, shape.padding);
  }
  return room / shape.stride + 1;
}

Factors convolution(const ConvolutionShape& shape) {
  const auto outputs = static_cast<double>(output_length(shape));
  const double pairs = products_per_sequence(shape);
  const auto batch = static_cast<double>(shape.batch);
  const auto groups = static_cast<double>(shape.groups);
  const double fan_in = static_cast<double>(shape.channels_in) / groups;
  const double fan_out = static_cast<double>(shape.channels_out) / groups;
  Factors factors{.output = inverse_root(fan_in * pairs / outputs),
                  .inputs = {inverse_root(fan_out * pairs / static_cast<double>(shape.length)),
                             inverse_root(batch * pairs / static_cast<double>(shape.kernel))}};
  if (shape.bias) factors.inputs.push_back(inverse_root(batch * outputs));
  return factors;
}

Factors embedding(std::int64_t vocabulary, std::int64_t indices) {
  return {.output = 1,
          .inputs = {std::sqrt(checked_size(vocabulary, "vocabulary") / checked_size(indices, "indices"))}};
}

}  // namespace filigree::scaling
