#include "filigree/nn/ops/add_layer_norm.h"

#include "filigree/dense/layer_norm.h"
#include "filigree/nn/ops/linear.h"
#include "filigree/nn/views.h"

namespace filigree::nn {
namespace {

class AddLayerNorm : public torch::autograd::Function<AddLayerNorm> {
 public:
  static variable_list forward(torch::autograd::AutogradContext* context, const Tensor& x,
                               const OptionalTensor& bias, const OptionalTensor& residual,
                               const Tensor& gamma, const Tensor& beta, double epsilon) {
    auto [sum, y, mean, rstd] = add_layer_norm_forward(x, bias, residual, gamma, beta, epsilon);
    context->save_for_backward({sum, gamma, mean, rstd});
    context->saved_data["has_bias"] = is_given(bias);
    context->saved_data["has_residual"] = is_given(residual);
    context->set_materialize_grads(false);
    return {sum, y};
  }

  static variable_list backward(torch::autograd::AutogradContext* context, variable_list grads) {
    refuse_second_derivatives("add_layer_norm");
    const auto saved = context->get_saved_variables();
    const Tensor& sum = saved[0];
    Tensor dsum = grads[0];
    Tensor dgamma, dbeta, dbias;
    if (grads[1].defined()) {
      const Tensor grad_sum = grads[0].defined() ? grads[0].contiguous() : Tensor();
      std::tie(dsum, dgamma, dbeta, dbias) = add_layer_norm_backward(
          grads[1].contiguous(), optional_of(grad_sum), sum, saved[1], saved[2], saved[3]);
    } else if (dsum.defined()) {
      dbias = bias_grad(dsum.contiguous());
    }
    return {dsum,
            context->saved_data["has_bias"].toBool() ? dbias : Tensor(),
            context->saved_data["has_residual"].toBool() ? dsum : Tensor(),
            dgamma,
            dbeta,
            Tensor()};
  }
};

}  // namespace

std::tuple<Tensor, Tensor> add_layer_norm(const Tensor& x, const OptionalTensor& bias,
                                          const OptionalTensor& residual, const Tensor& gamma,
                                          const Tensor& beta, double epsilon) {
  const variable_list out = AddLayerNorm::apply(x, bias, residual, gamma, beta, epsilon);
  return {out[0], out[1]};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> add_layer_norm_forward(const Tensor& x, const OptionalTensor& bias,
                                                                  const OptionalTensor& residual,
                                                                  const Tensor& gamma, const Tensor& beta,
                                                                  double epsilon) {
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
                             mean.data_ptr<T>(), rstd.data_ptr<T>());
  });
  return {sum, y, mean, rstd};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> add_layer_norm_backward(const Tensor& grad_y,
                                                                   const OptionalTensor& grad_sum,
                                                                   const Tensor& sum, const Tensor& gamma,
                                                                   const Tensor& mean, const Tensor& rstd) {
  Tensor dsum = at::empty_like(sum, at::MemoryFormat::Contiguous);
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
        vector_of<const T>(rstd, rows, "add_layer_norm rstd"), matrix_of<T>(dsum, "add_layer_norm"),
        dgamma.data_ptr<T>(), dbeta.data_ptr<T>(), dbias.data_ptr<T>());
  });
  return {dsum, dgamma, dbeta, dbias};
}

}  // namespace filigree::nn
