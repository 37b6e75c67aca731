#include "filigree/nn/modules/sparse_linear.h"

#include <cmath>

#include "filigree/nn/ops/bsr_linear.h"
#include "filigree/nn/ops/bsr_matrix.h"

namespace filigree::nn {

SparseLinearImpl::SparseLinearImpl(std::int64_t in, std::int64_t out, double density, std::int64_t block,
                                   bool with_bias, std::int64_t seed)
    : pattern_(bsr_random(out, in, block, density, seed)) {
  const double bound = 1 / std::sqrt(static_cast<double>(in) * pattern_->pattern->density());
  values = register_parameter(
      "values", at::empty({pattern_->pattern->block_count(), block, block}).uniform_(-bound, bound));
  bias = with_bias ? register_parameter("bias", at::empty({out}).uniform_(-bound, bound)) : Tensor();
}

SparseLinearImpl::SparseLinearImpl(BsrPatternRef pattern, const Tensor& values, const Tensor& bias)
    : pattern_(std::move(pattern)) {
  this->values = register_parameter("values", values.detach().clone());
  if (bias.defined()) this->bias = register_parameter("bias", bias.detach().clone());
}

std::shared_ptr<SparseLinearImpl> SparseLinearImpl::from_dense(const Tensor& weight, const Tensor& bias,
                                                               double density, std::int64_t block) {
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
  values.set_data(bsr_move(values.detach(), pattern_, pattern));
  values.mutable_grad() = Tensor();
  pattern_ = std::move(pattern);
}

void SparseLinearImpl::pretty_print(std::ostream& stream) const {
  const sparse::BsrPattern& w = *pattern_->pattern;
  stream << fmt::format("filigree::SparseLinear(in={}, out={}, density={:.4g}, block={}, bias={})",
                        w.columns(), w.rows(), w.density(), w.block(), bias.defined());
}

}  // namespace filigree::nn
