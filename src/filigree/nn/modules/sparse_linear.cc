#include "filigree/nn/modules/sparse_linear.h"

#include <cmath>
#include <span>
#include <vector>

#include "filigree/nn/ops/bsr_linear.h"
#include "filigree/nn/ops/bsr_matrix.h"
#include "filigree/nn/views.h"

namespace filigree::nn {

namespace {

// From torch's generator.
std::int64_t draw_seed() {
  return at::randint(std::int64_t{1} << 62, {1}, at::TensorOptions(at::kLong)).item<std::int64_t>();
}

Tensor indices_of(std::span<const std::int32_t> values) {
  return at::tensor(at::ArrayRef<std::int32_t>(values.data(), values.size()), at::kInt);
}

std::vector<std::int32_t> vector_from(const Tensor& tensor) {
  const Tensor ints = tensor.to(at::kInt).contiguous();
  return {ints.data_ptr<std::int32_t>(), ints.data_ptr<std::int32_t>() + ints.numel()};
}

}  // namespace

SparseLinearImpl::SparseLinearImpl(std::int64_t in, std::int64_t out, double density,
                                   sparse::BlockShape block, bool with_bias, c10::optional<std::int64_t> seed)
    : pattern_(bsr_random(out, in, block, density, seed.has_value() ? *seed : draw_seed())) {
  const sparse::BsrPattern& w = *pattern_->pattern;
  const double bound = 1 / std::sqrt(static_cast<double>(in) * w.density());
  values = bsr_trim(at::empty(value_sizes(w)).uniform_(-bound, bound), pattern_);
  if (with_bias) bias = at::empty({out}).uniform_(-bound, bound);
  SparseLinearImpl::reset();
}

SparseLinearImpl::SparseLinearImpl(BsrPatternRef pattern, const Tensor& values, const Tensor& bias)
    : values(values.detach().clone(at::MemoryFormat::Contiguous)), pattern_(std::move(pattern)) {
  const sparse::BsrPattern& w = *pattern_->pattern;
  with_real_type(values, "SparseLinear",
                 [&](auto zero) { (void)values_of<decltype(zero)>(this->values, w, "SparseLinear"); });
  if (bias.defined()) {
    if (bias.sizes() != at::IntArrayRef({w.rows()})) {
      fail_usage("SparseLinear: wanted a bias of {}, got {} elements", w.rows(), bias.numel());
    }
    this->bias = bias.detach().clone();
  }
  SparseLinearImpl::reset();
}

// Registers the tensors that the members hold, each in a tensor of its own (clone() asks for that).
void SparseLinearImpl::reset() {
  values = register_parameter("values", values.detach().clone());
  if (bias.defined()) bias = register_parameter("bias", bias.detach().clone());
  shape_ = register_buffer("shape", at::empty({0}, at::kLong));
  row_offsets_ = register_buffer("row_offsets", at::empty({0}, at::kInt));
  column_indices_ = register_buffer("column_indices", at::empty({0}, at::kInt));
  use(pattern_);
}

void SparseLinearImpl::use(BsrPatternRef pattern) {
  pattern_ = std::move(pattern);
  const sparse::BsrPattern& w = *pattern_->pattern;
  std::vector<std::int64_t> shape{w.rows(), w.columns(), w.block().rows};
  if (!w.block().square()) shape.push_back(w.block().columns);
  shape_.set_data(at::tensor(shape, at::kLong));
  row_offsets_.set_data(indices_of(w.row_offsets()));
  column_indices_.set_data(indices_of(w.column_indices()));
}

std::shared_ptr<SparseLinearImpl> SparseLinearImpl::from_dense(const Tensor& weight, const Tensor& bias,
                                                               double density, sparse::BlockShape block) {
  auto [pattern, values] = bsr_from_dense(weight.detach().contiguous(), density, block);
  return std::make_shared<SparseLinearImpl>(std::move(pattern), values, bias);
}

Tensor SparseLinearImpl::forward(const Tensor& x) const {
  const sparse::BsrPattern& w = *pattern_->pattern;
  if (x.dim() == 0 || x.size(-1) != w.columns()) {
    fail_usage("SparseLinear: wanted {} features in the last dimension of x, got {}", w.columns(),
               x.dim() == 0 ? 0 : x.size(-1));
  }
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.back() = w.rows();
  return bsr_linear(x.reshape({-1, w.columns()}).contiguous(), values, pattern_, optional_of(bias))
      .reshape(shape);
}

void SparseLinearImpl::set_pattern(BsrPatternRef pattern) {
  const at::NoGradGuard no_grad;
  const Tensor moved = bsr_move(values.detach(), pattern_, pattern);
  if (moved.sizes() != values.sizes()) values.set_data(at::empty_like(moved));
  // A copy, so that autograd knows of it: set_data() alone would let it use the new values with the old
  // pattern.
  values.copy_(moved);
  values.mutable_grad() = Tensor();
  use(std::move(pattern));
}

void SparseLinearImpl::load(torch::serialize::InputArchive& archive) {
  const sparse::BsrPattern& w = *pattern_->pattern;
  Tensor shape;
  if (!archive.try_read("shape", shape, /*is_buffer=*/true) || (shape.numel() != 3 && shape.numel() != 4)) {
    fail_usage("SparseLinear: what is loaded is no SparseLinear: it has no shape");
  }
  const auto number = [&](std::int64_t i) { return shape[i].item<std::int64_t>(); };
  if (number(0) != w.rows() || number(1) != w.columns()) {
    fail_usage("SparseLinear: a layer of {} inputs and {} outputs is loaded into one of {} and {}", number(1),
               number(0), w.columns(), w.rows());
  }
  Module::load(archive);
  use(c10::make_intrusive<BsrPatternHolder>(
      sparse::BsrPattern(w.rows(), w.columns(), block_shape(number(2), number(shape.numel() - 1)),
                         vector_from(row_offsets_), vector_from(column_indices_))));
}

void SparseLinearImpl::pretty_print(std::ostream& stream) const {
  const sparse::BsrPattern& w = *pattern_->pattern;
  stream << fmt::format("filigree::SparseLinear(in={}, out={}, density={:.4g}, block={}, bias={})",
                        w.columns(), w.rows(), w.density(), w.block().text(), bias.defined());
}

}  // namespace filigree::nn
