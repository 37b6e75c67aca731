#include "filigree/models/encoder_matrix.h"

#include <algorithm>

#include "filigree/base/error.h"
#include "filigree/models/initialise.h"
#include "filigree/nn/ops/bsr_linear.h"
#include "filigree/nn/ops/linear.h"

namespace filigree::models {
namespace {

EncoderMatrix::Pattern random_pattern(std::int64_t out, std::int64_t in, const SparsityConfig& sparsity,
                                      std::uint64_t seed, std::uint64_t index) {
  Philox random(seed, Purpose::kPattern, index);
  const std::int64_t count = sparse::block_count_for_density(out, in, sparsity.block, sparsity.density);
  return std::make_shared<const sparse::BsrPattern>(
      sparse::BsrPattern::random(out, in, sparsity.block, count, random));
}

}  // namespace

EncoderMatrix::EncoderMatrix(std::vector<std::string> names, std::int64_t out, std::int64_t in,
                             const SparsityConfig& sparsity, std::uint64_t seed, std::uint64_t first_index,
                             ParameterList& parameters)
    : names_(std::move(names)), out_(out), in_(in), sparsity_(sparsity) {
  const auto count = static_cast<std::int64_t>(names_.size());
  if (sparsity_.storage != Storage::kDense) {
    std::vector<Pattern> patterns;
    for (std::uint64_t p = 0; p < names_.size(); ++p) {
      patterns.push_back(random_pattern(out, in, sparsity_, seed, first_index + p));
    }
    set_patterns(std::move(patterns));
  }

  const int b = sparsity_.block;
  Tensor value = sparsity_.storage == Storage::kSparse
                     ? at::zeros({stacked_->pattern->block_count(), b, b}, at::kFloat)
                     : at::zeros({count * out, in}, at::kFloat);
  std::vector<ParameterPart> parts;
  auto* data = value.data_ptr<float>();
  for (std::size_t p = 0; p < names_.size(); ++p) {
    const std::vector<float> dense = truncated_normal_matrix(seed, first_index + p, out, in);
    if (sparsity_.storage == Storage::kDense) {
      std::copy(dense.begin(), dense.end(), data + static_cast<std::int64_t>(p) * out * in);
    } else {
      patterns_[p]->for_each_block([&](std::int64_t position, std::int64_t row, std::int64_t column) {
        const BlockPlace place = block_place(p, row, column, position);
        for (std::int64_t r = 0; r < b; ++r) {
          std::copy_n(dense.data() + (row * b + r) * in + column * b, b,
                      data + place.offset + r * place.row_stride);
        }
      });
    }
    const std::int64_t offset = values_before(p);
    if (sparsity_.storage == Storage::kSparse) {
      parts.push_back({names_[p] + ".values", offset, {patterns_[p]->block_count(), b, b}});
    } else {
      parts.push_back({names_[p], offset, {out, in}});
    }
  }
  parameter_ = &parameters.add(std::move(value), /*decay=*/true, std::move(parts));
}

Tensor EncoderMatrix::apply(const Tensor& x, const OptionalTensor& bias) const {
  if (sparsity_.storage == Storage::kSparse) return nn::bsr_linear(x, parameter_->value, stacked_, bias);
  return nn::linear(x, parameter_->value, bias);
}

void EncoderMatrix::mask_gradient() const {
  Tensor& grad = parameter_->value.mutable_grad();
  if (sparsity_.storage == Storage::kMasked && grad.defined()) grad.mul_(mask_);
}

std::optional<std::size_t> EncoderMatrix::first_part_beyond_mask(const Tensor& values) const {
  if (sparsity_.storage != Storage::kMasked) return std::nullopt;
  const at::NoGradGuard no_grad;
  for (std::size_t p = 0; p < names_.size(); ++p) {
    const auto first = static_cast<std::int64_t>(p) * out_;
    const Tensor hidden = mask_.slice(0, first, first + out_) == 0;
    if ((values.slice(0, first, first + out_).ne(0) & hidden).any().item<bool>()) return p;
  }
  return std::nullopt;
}

std::int64_t EncoderMatrix::values_before(std::size_t part) const {
  if (sparsity_.storage != Storage::kSparse) return static_cast<std::int64_t>(part) * out_ * in_;
  std::int64_t before = 0;
  for (std::size_t p = 0; p < part; ++p) before += patterns_[p]->value_count();
  return before;
}

EncoderMatrix::BlockPlace EncoderMatrix::block_place(std::size_t part, std::int64_t block_row,
                                                     std::int64_t block_column, std::int64_t position) const {
  const std::int64_t b = sparsity_.block;
  if (sparsity_.storage == Storage::kSparse) return {values_before(part) + position * b * b, b};
  return {values_before(part) + block_row * b * in_ + block_column * b, in_};
}

void EncoderMatrix::set_patterns(std::vector<Pattern> patterns) {
  patterns_ = std::move(patterns);
  std::vector<const sparse::BsrPattern*> parts;
  for (const Pattern& pattern : patterns_) parts.push_back(pattern.get());
  stacked_ = nn::hold(std::make_shared<const sparse::BsrPattern>(sparse::BsrPattern::stack(parts)));
  if (sparsity_.storage == Storage::kMasked) fill_mask();
}

void EncoderMatrix::fill_mask() {
  const std::int64_t b = sparsity_.block;
  mask_ = at::zeros({static_cast<std::int64_t>(names_.size()) * out_, in_}, at::kFloat);
  auto* data = mask_.data_ptr<float>();
  stacked_->pattern->for_each_block([&](std::int64_t, std::int64_t row, std::int64_t column) {
    for (std::int64_t r = 0; r < b; ++r) std::fill_n(data + (row * b + r) * in_ + column * b, b, 1.0F);
  });
}

}  // namespace filigree::models
