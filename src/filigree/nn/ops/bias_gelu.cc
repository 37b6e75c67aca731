#include "filigree/nn/ops/bias_gelu.h"

#include "filigree/dense/gelu.h"
#include "filigree/nn/views.h"

namespace filigree::nn {
namespace {

class BiasGelu : public torch::autograd::Function<BiasGelu> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x,
                        const OptionalTensor& bias, FactorList factors) {
    context->save_for_backward({x, value_or_none(bias)});
    context->saved_data["factors"] = factors.vec();
    return bias_gelu_forward(x, bias, OpFactors(factors, is_given(bias) ? 2 : 1, "bias_gelu").output());
  }

  static variable_list backward(torch::autograd::AutogradContext* context, variable_list grads) {
    refuse_second_derivatives("bias_gelu");
    const auto saved = context->get_saved_variables();
    const bool has_bias = saved[1].defined();
    const OpFactors factors(context->saved_data["factors"].toDoubleVector(), has_bias ? 2 : 1, "bias_gelu");
    auto [dx, dbias] =
        bias_gelu_backward(grads[0].contiguous(), saved[0], optional_of(saved[1]), factors.input(0));
    if (!has_bias) return {dx, Tensor(), Tensor()};
    // It is summed over what has x's factor.
    if (factors.input(1) != factors.input(0)) dbias.mul_(factors.input(1) / factors.input(0));
    return {dx, dbias, Tensor()};
  }
};

}  // namespace

Tensor bias_gelu(const Tensor& x, const OptionalTensor& bias, FactorList factors) {
  return BiasGelu::apply(x, bias, factors);
}

Tensor bias_gelu_forward(const Tensor& x, const OptionalTensor& bias, double factor) {
  Tensor y = at::empty_like(x, at::MemoryFormat::Contiguous);
  with_real_type(x, "bias_gelu", [&](auto zero) {
    using T = decltype(zero);
    dense::bias_gelu<T>(matrix_of<const T>(x, "bias_gelu"),
                        vector_of<const T>(bias, x.size(1), "bias_gelu bias"), matrix_of<T>(y, "bias_gelu"),
                        static_cast<T>(factor));
  });
  return y;
}

std::tuple<Tensor, Tensor> bias_gelu_backward(const Tensor& grad, const Tensor& x, const OptionalTensor& bias,
                                              double factor) {
  Tensor dx = at::empty_like(x, at::MemoryFormat::Contiguous);
  Tensor dbias = at::empty({x.size(1)}, x.options());
  with_real_type(x, "bias_gelu", [&](auto zero) {
    using T = decltype(zero);
    dense::bias_gelu_backward<T>(matrix_of<const T>(grad, x.size(0), x.size(1), "bias_gelu gradient"),
                                 matrix_of<const T>(x, "bias_gelu"),
                                 vector_of<const T>(bias, x.size(1), "bias_gelu bias"),
                                 matrix_of<T>(dx, "bias_gelu"), dbias.data_ptr<T>(), static_cast<T>(factor));
  });
  return {dx, dbias};
}

}  // namespace filigree::nn
