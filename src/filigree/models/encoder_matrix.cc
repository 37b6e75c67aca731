#include "filigree/models/encoder_matrix.h"

#include <algorithm>

#include "filigree/base/error.h"
#include "filigree/nn/ops/low_precision_linear.h"

namespace filigree::models {
namespace {

EncoderMatrix::Pattern random_pattern(std::int64_t out, std::int64_t in, int block, std::int64_t count,
                                      std::uint64_t seed, std::uint64_t index) {
  Philox random(seed, Purpose::kPattern, index);
  return std::make_shared<const sparse::BsrPattern>(
      sparse::BsrPattern::random(out, in, block, count, random));
}

}  // namespace

EncoderMatrix::EncoderMatrix(std::vector<std::string> names, std::int64_t out, std::int64_t in,
                             const SparsityConfig& sparsity, Initialiser initialiser,
                             std::optional<std::uint64_t> seed, std::uint64_t first_index,
                             ParameterList& parameters)
    : names_(std::move(names)), out_(out), in_(in), sparsity_(sparsity) {
  const int b = sparsity_.block;
  if (has_patterns()) block_count_ = sparse::block_count_for_density(out, in, b, sparsity_.density);
  const bool stored_sparse = sparsity_.storage == Storage::kSparse;
  std::vector<ParameterPart> parts;
  for (std::size_t p = 0; p < names_.size(); ++p) {
    if (stored_sparse) {
      parts.push_back({names_[p] + std::string(kValues), values_before(p), {block_count_, b, b}});
    } else {
      parts.push_back({names_[p], values_before(p), {out, in}});
    }
  }
  std::vector<std::int64_t> shape = parts.front().shape;
  shape.front() *= static_cast<std::int64_t>(names_.size());
  const auto options = at::TensorOptions(at::kFloat).device(seed ? at::kCPU : at::kMeta);
  parameter_ = &parameters.add(at::zeros(shape, options), /*decay=*/true, std::move(parts));
  if (seed) draw(initialiser, *seed, first_index);
}

void EncoderMatrix::draw(Initialiser initialiser, std::uint64_t seed, std::uint64_t first_index) {
  const int b = sparsity_.block;
  if (has_patterns()) {
    std::vector<Pattern> patterns;
    for (std::uint64_t p = 0; p < names_.size(); ++p) {
      patterns.push_back(random_pattern(out_, in_, b, block_count_, seed, first_index + p));
    }
    set_patterns(std::move(patterns));
  }
  auto* data = parameter_->value.data_ptr<float>();
  for (std::size_t p = 0; p < names_.size(); ++p) {
    const std::vector<float> dense = initial_matrix(initialiser, seed, first_index + p, out_, in_);
    if (!has_patterns()) {
      std::copy(dense.begin(), dense.end(), data + values_before(p));
      continue;
    }
    patterns_[p]->for_each_block([&](std::int64_t position, std::int64_t row, std::int64_t column) {
      const BlockPlace place = block_place(p, row, column, position);
      for (std::int64_t r = 0; r < b; ++r) {
        std::copy_n(dense.data() + (row * b + r) * in_ + column * b, b,
                    data + place.offset + r * place.row_stride);
      }
    });
  }
}

Tensor EncoderMatrix::apply(const Tensor& x, const OptionalTensor& bias, nn::FactorList factors,
                            nn::Precision precision) const {
  if (sparsity_.storage == Storage::kSparse) {
    return nn::bsr_linear_in(precision, x, parameter_->value, stacked_, bias, factors);
  }
  return nn::linear_in(precision, x, parameter_->value, bias, factors);
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
  const std::int64_t b = sparsity_.block;
  const std::int64_t each = sparsity_.storage == Storage::kSparse ? block_count_ * b * b : out_ * in_;
  return static_cast<std::int64_t>(part) * each;
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
