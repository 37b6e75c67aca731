#include "filigree/nn/ops/bsr_linear.h"

#include "filigree/nn/ops/linear.h"
#include "filigree/nn/views.h"
#include "filigree/sparse/products.h"

namespace filigree::nn {
namespace {

class BsrLinear : public torch::autograd::Function<BsrLinear> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& values,
                        const BsrPatternRef& pattern, const OptionalTensor& bias, FactorList factors) {
    context->save_for_backward({x, values});
    context->saved_data["pattern"] = pattern;
    context->saved_data["has_bias"] = is_given(bias);
    context->saved_data["factors"] = factors.vec();
    const OpFactors checked(factors, is_given(bias) ? 3 : 2, "bsr_linear");
    return bsr_linear_forward(x, values, pattern, bias, checked.output());
  }

  static variable_list backward(torch::autograd::AutogradContext* context, variable_list grads) {
    refuse_second_derivatives("bsr_linear");
    const auto saved = context->get_saved_variables();
    const auto pattern = context->saved_data["pattern"].toCustomClass<BsrPatternHolder>();
    const bool has_bias = context->saved_data["has_bias"].toBool();
    const OpFactors factors(context->saved_data["factors"].toDoubleVector(), has_bias ? 3 : 2, "bsr_linear");
    const Tensor grad = grads[0].contiguous();
    Tensor dx;
    Tensor dvalues;
    if (context->needs_input_grad(0)) {
      dx = bsr_linear_grad_input(grad, saved[1], pattern, factors.input(0));
    }
    if (context->needs_input_grad(1)) {
      dvalues = bsr_linear_grad_values(grad, saved[0], pattern, factors.input(1));
    }
    return {dx, dvalues, Tensor(), has_bias ? bias_grad(grad, factors.input(2)) : Tensor(), Tensor()};
  }
};

// A product's factor goes into the blocks: they are few beside the activations that they meet.
Tensor scaled_values(const Tensor& values, double factor) {
  const at::NoGradGuard no_grad;
  return factor == 1 ? values : values * factor;
}

}  // namespace

Tensor bsr_linear(const Tensor& x, const Tensor& values, const BsrPatternRef& pattern,
                  const OptionalTensor& bias, FactorList factors) {
  return BsrLinear::apply(x, values, pattern, bias, factors);
}

Tensor bsr_linear_forward(const Tensor& x, const Tensor& unscaled, const BsrPatternRef& pattern,
                          const OptionalTensor& bias, double factor) {
  const Tensor values = scaled_values(unscaled, factor);
  const sparse::BsrPattern& w = *pattern->pattern;
  Tensor y = at::empty({x.size(0), w.rows()}, x.options());
  with_real_type(x, "bsr_linear", [&](auto zero) {
    using T = decltype(zero);
    sparse::dds_transposed<T>(matrix_of<const T>(x, "bsr_linear"), w, values_of<T>(values, w, "bsr_linear"),
                              vector_of<const T>(bias, w.rows(), "bsr_linear bias"),
                              matrix_of<T>(y, "bsr_linear"));
  });
  return y;
}

Tensor bsr_linear_grad_input(const Tensor& grad, const Tensor& unscaled, const BsrPatternRef& pattern,
                             double factor) {
  const Tensor values = scaled_values(unscaled, factor);
  const sparse::BsrPattern& w = *pattern->pattern;
  Tensor dx = at::empty({grad.size(0), w.columns()}, grad.options());
  with_real_type(grad, "bsr_linear", [&](auto zero) {
    using T = decltype(zero);
    sparse::dds<T>(matrix_of<const T>(grad, "bsr_linear"), w, values_of<T>(values, w, "bsr_linear"),
                   matrix_of<T>(dx, "bsr_linear"));
  });
  return dx;
}

Tensor bsr_linear_grad_values(const Tensor& grad, const Tensor& x, const BsrPatternRef& pattern,
                              double factor) {
  const sparse::BsrPattern& w = *pattern->pattern;
  Tensor dvalues = at::empty(value_sizes(w), grad.options());
  with_real_type(grad, "bsr_linear", [&](auto zero) {
    using T = decltype(zero);
    sparse::sdd<T>(matrix_of<const T>(grad, "bsr_linear"), matrix_of<const T>(x, "bsr_linear"), w,
                   dvalues.data_ptr<T>());
  });
  if (factor != 1) dvalues.mul_(factor);
  return dvalues;
}

}  // namespace filigree::nn
