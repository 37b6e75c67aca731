#include "filigree/nn/ops/linear.h"

#include <algorithm>

#include "filigree/base/parallel.h"
#include "filigree/dense/column_sum.h"
#include "filigree/dense/gemm.h"
#include "filigree/nn/views.h"

namespace filigree::nn {
namespace {

constexpr std::int64_t kRowsPerTask = 64;

class Linear : public torch::autograd::Function<Linear> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const OptionalTensor& bias, FactorList factors) {
    context->save_for_backward({x, weight});
    context->saved_data["has_bias"] = is_given(bias);
    context->saved_data["factors"] = factors.vec();
    return linear_forward(x, weight, bias, OpFactors(factors, is_given(bias) ? 3 : 2, "linear").output());
  }

  static variable_list backward(torch::autograd::AutogradContext* context, variable_list grads) {
    refuse_second_derivatives("linear");
    const auto saved = context->get_saved_variables();
    const bool has_bias = context->saved_data["has_bias"].toBool();
    const OpFactors factors(context->saved_data["factors"].toDoubleVector(), has_bias ? 3 : 2, "linear");
    const Tensor grad = grads[0].contiguous();
    return {context->needs_input_grad(0) ? linear_grad_input(grad, saved[1], factors.input(0)) : Tensor(),
            context->needs_input_grad(1) ? linear_grad_weight(grad, saved[0], factors.input(1)) : Tensor(),
            has_bias ? bias_grad(grad, factors.input(2)) : Tensor(), Tensor()};
  }
};

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, FactorList factors) {
  return Linear::apply(x, weight, bias, factors);
}

Tensor linear_forward(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, double factor) {
  using dense::Transpose;
  Tensor y = at::empty({x.size(0), weight.size(0)}, x.options());
  with_real_type(x, "linear", [&](auto zero) {
    using T = decltype(zero);
    const auto out = matrix_of<T>(y, "linear");
    const T* bias_data = vector_of<const T>(bias, out.columns, "linear bias");
    if (bias_data != nullptr) {
      parallel_chunks(out.rows, kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) std::copy_n(bias_data, out.columns, out.row(r));
      });
    }
    dense::gemm<T>(Transpose::kNo, Transpose::kYes, static_cast<T>(factor), matrix_of<const T>(x, "linear"),
                   matrix_of<const T>(weight, "linear weight"), bias_data != nullptr ? T(1) : T(0), out);
  });
  return y;
}

Tensor linear_grad_input(const Tensor& grad, const Tensor& weight, double factor) {
  using dense::Transpose;
  Tensor dx = at::empty({grad.size(0), weight.size(1)}, grad.options());
  with_real_type(grad, "linear", [&](auto zero) {
    using T = decltype(zero);
    dense::gemm<T>(Transpose::kNo, Transpose::kNo, static_cast<T>(factor), matrix_of<const T>(grad, "linear"),
                   matrix_of<const T>(weight, "linear weight"), T(0), matrix_of<T>(dx, "linear"));
  });
  return dx;
}

Tensor linear_grad_weight(const Tensor& grad, const Tensor& x, double factor) {
  using dense::Transpose;
  Tensor dw = at::empty({grad.size(1), x.size(1)}, grad.options());
  with_real_type(grad, "linear", [&](auto zero) {
    using T = decltype(zero);
    dense::gemm<T>(Transpose::kYes, Transpose::kNo, static_cast<T>(factor),
                   matrix_of<const T>(grad, "linear"), matrix_of<const T>(x, "linear"), T(0),
                   matrix_of<T>(dw, "linear"));
  });
  return dw;
}

Tensor bias_grad(const Tensor& grad, double factor) {
  Tensor out = at::empty({grad.size(1)}, grad.options());
  with_real_type(grad, "bias_grad", [&](auto zero) {
    using T = decltype(zero);
    dense::column_sum<T>(matrix_of<const T>(grad, "bias_grad"), out.data_ptr<T>());
  });
  if (factor != 1) out.mul_(factor);
  return out;
}

}  // namespace filigree::nn
