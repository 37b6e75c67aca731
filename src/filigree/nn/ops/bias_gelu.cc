#include "filigree/nn/ops/bias_gelu.h"

#include "filigree/dense/gelu.h"
#include "filigree/nn/views.h"

namespace filigree::nn {
namespace {

class BiasGelu : public torch::autograd::Function<BiasGelu> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x,
                        const OptionalTensor& bias) {
    context->save_for_backward({x, value_or_none(bias)});
    return bias_gelu_forward(x, bias);
  }

  static variable_list backward(torch::autograd::AutogradContext* context, variable_list grads) {
    refuse_second_derivatives("bias_gelu");
    const auto saved = context->get_saved_variables();
    auto [dx, dbias] = bias_gelu_backward(grads[0].contiguous(), saved[0], optional_of(saved[1]));
    return {dx, saved[1].defined() ? dbias : Tensor()};
  }
};

}  // namespace

Tensor bias_gelu(const Tensor& x, const OptionalTensor& bias) { return BiasGelu::apply(x, bias); }

Tensor bias_gelu_forward(const Tensor& x, const OptionalTensor& bias) {
  Tensor y = at::empty_like(x, at::MemoryFormat::Contiguous);
  with_real_type(x, "bias_gelu", [&](auto zero) {
    using T = decltype(zero);
    dense::bias_gelu<T>(matrix_of<const T>(x, "bias_gelu"),
                        vector_of<const T>(bias, x.size(1), "bias_gelu bias"), matrix_of<T>(y, "bias_gelu"));
  });
  return y;
}

std::tuple<Tensor, Tensor> bias_gelu_backward(const Tensor& grad, const Tensor& x,
                                              const OptionalTensor& bias) {
  Tensor dx = at::empty_like(x, at::MemoryFormat::Contiguous);
  Tensor dbias = at::empty({x.size(1)}, x.options());
  with_real_type(x, "bias_gelu", [&](auto zero) {
    using T = decltype(zero);
    dense::bias_gelu_backward<T>(matrix_of<const T>(grad, x.size(0), x.size(1), "bias_gelu gradient"),
                                 matrix_of<const T>(x, "bias_gelu"),
                                 vector_of<const T>(bias, x.size(1), "bias_gelu bias"),
                                 matrix_of<T>(dx, "bias_gelu"), dbias.data_ptr<T>());
  });
  return {dx, dbias};
}

}  // namespace filigree::nn
