#include "filigree/nn/ops/add_layer_norm.h"

#include "filigree/dense/layer_norm.h"
#include "filigree/nn/ops/linear.h"
#include "filigree/nn/views.h"

namespace filigree::nn {
namespace {

Tensor times(const Tensor& tensor, double factor) { return factor == 1 ? tensor : tensor * factor; }

class AddLayerNorm : public torch::autograd::Function<AddLayerNorm> {
 public:
  static variable_list forward(torch::autograd::AutogradContext* context, const Tensor& x,
                               const OptionalTensor& bias, const OptionalTensor& residual,
                               const Tensor& gamma, const Tensor& beta, double epsilon, FactorList factors) {
    auto [sum, y, mean, rstd] = add_layer_norm_forward(x, bias, residual, gamma, beta, epsilon, factors);
    context->saved_data["factors"] = factors.vec();
    context->save_for_backward({sum, gamma, mean, rstd});
    context->saved_data["has_bias"] = is_given(bias);
    context->saved_data["has_residual"] = is_given(residual);
    context->set_materialize_grads(false);
    return {sum, y};
  }

  static variable_list backward(torch::autograd::AutogradContext* context, variable_list grads) {
    refuse_second_derivatives("add_layer_norm");
    const auto saved = context->get_saved_variables();
    const std::vector<double> list = context->saved_data["factors"].toDoubleVector();
    const bool has_bias = context->saved_data["has_bias"].toBool();
    Tensor dx, dresidual, dgamma, dbeta, dbias;
    if (grads[1].defined()) {
      const Tensor grad_sum = grads[0].defined() ? grads[0].contiguous() : Tensor();
      std::tie(dx, dresidual, dgamma, dbeta, dbias) = add_layer_norm_backward(
          grads[1].contiguous(), optional_of(grad_sum), saved[0], saved[1], saved[2], saved[3], list);
    } else if (grads[0].defined()) {
      const AddLayerNormFactors factors = AddLayerNormFactors::of(list);
      dx = times(grads[0], factors.sum.branch_gradient);
      dresidual = times(grads[0], factors.sum.residual_gradient);
      if (has_bias) dbias = bias_grad(grads[0].contiguous(), factors.bias);
    }
    return {dx,
            has_bias ? dbias : Tensor(),
            context->saved_data["has_residual"].toBool() ? dresidual : Tensor(),
            dgamma,
            dbeta,
            Tensor(),
            Tensor()};
  }
};

}  // namespace

AddLayerNormFactors AddLayerNormFactors::of(FactorList list) {
  if (list.empty()) return {};
  if (list.size() != 7) fail_usage("add_layer_norm: wanted no factors or seven, got {}", list.size());
  return {.sum = {.branch = list[0],
                  .residual = list[1],
                  .branch_gradient = list[2],
                  .residual_gradient = list[3]},
          .bias = list[4],
          .gamma = list[5],
          .beta = list[6]};
}

std::vector<double> AddLayerNormFactors::list() const {
  return {sum.branch, sum.residual, sum.branch_gradient, sum.residual_gradient, bias, gamma, beta};
}

std::tuple<Tensor, Tensor> add_layer_norm(const Tensor& x, const OptionalTensor& bias,
                                          const OptionalTensor& residual, const Tensor& gamma,
                                          const Tensor& beta, double epsilon, FactorList factors) {
  const variable_list out = AddLayerNorm::apply(x, bias, residual, gamma, beta, epsilon, factors);
  return {out[0], out[1]};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> add_layer_norm_forward(const Tensor& x, const OptionalTensor& bias,
                                                                  const OptionalTensor& residual,
                                                                  const Tensor& gamma, const Tensor& beta,
                                                                  double epsilon, FactorList factors) {
  Tensor sum = at::empty_like(x, at::MemoryFormat::Contiguous);
  Tensor y = at::empty_like(x, at::MemoryFormat::Contiguous);
  Tensor mean = at::empty({x.size(0)}, x.options());
  Tensor rstd = at::empty({x.size(0)}, x.options());
  with_real_type(x, "add_layer_norm", [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t n = x.size(1);
    dense::add_layer_norm<T>(matrix_of<const T>(x, "add_layer_norm"),
                             vector_of<const T>(bias, n, "add_layer_norm bias"),
                             residual.has_value() && residual->defined()
                                 ? matrix_of<const T>(*residual, x.size(0), n, "add_layer_norm residual")
                                 : MatrixView<const T>(),
                             vector_of<const T>(gamma, n, "add_layer_norm gamma"),
                             vector_of<const T>(beta, n, "add_layer_norm beta"), static_cast<T>(epsilon),
                             matrix_of<T>(sum, "add_layer_norm"), matrix_of<T>(y, "add_layer_norm"),
                             mean.data_ptr<T>(), rstd.data_ptr<T>(), AddLayerNormFactors::of(factors).sum);
  });
  return {sum, y, mean, rstd};
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> add_layer_norm_backward(
    const Tensor& grad_y, const OptionalTensor& grad_sum, const Tensor& sum, const Tensor& gamma,
    const Tensor& mean, const Tensor& rstd, FactorList list) {
  const AddLayerNormFactors factors = AddLayerNormFactors::of(list);
  const bool apart = factors.sum.residual_gradient != factors.sum.branch_gradient;
  Tensor dx = at::empty_like(sum, at::MemoryFormat::Contiguous);
  Tensor dresidual = apart ? at::empty_like(sum, at::MemoryFormat::Contiguous) : dx;
  Tensor dgamma = at::empty_like(gamma);
  Tensor dbeta = at::empty_like(gamma);
  Tensor dbias = at::empty_like(gamma);
  with_real_type(sum, "add_layer_norm", [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t rows = sum.size(0);
    const std::int64_t n = sum.size(1);
    dense::add_layer_norm_backward<T>(
        matrix_of<const T>(grad_y, rows, n, "add_layer_norm gradient"),
        is_given(grad_sum) ? matrix_of<const T>(*grad_sum, rows, n, "add_layer_norm gradient of the sum")
                           : MatrixView<const T>(),
        matrix_of<const T>(sum, "add_layer_norm"), vector_of<const T>(gamma, n, "add_layer_norm gamma"),
        vector_of<const T>(mean, rows, "add_layer_norm mean"),
        vector_of<const T>(rstd, rows, "add_layer_norm rstd"), matrix_of<T>(dx, "add_layer_norm"),
        dgamma.data_ptr<T>(), dbeta.data_ptr<T>(), dbias.data_ptr<T>(),
        apart ? matrix_of<T>(dresidual, "add_layer_norm") : MatrixView<T>(), factors.sum);
  });
  if (!list.empty()) {
    // Summed over gradients of x, with its factor.
    dbias.mul_(factors.bias / factors.sum.branch_gradient);
    dgamma.mul_(factors.gamma);
    dbeta.mul_(factors.beta);
  }
  return {dx, dresidual, dgamma, dbeta, dbias};
}

}  // namespace filigree::nn
