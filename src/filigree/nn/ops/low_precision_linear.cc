#include "filigree/nn/ops/low_precision_linear.h"

#include <algorithm>

#include "filigree/base/parallel.h"
#include "filigree/nn/ops/bsr_linear.h"
#include "filigree/nn/ops/linear.h"
#include "filigree/nn/storage.h"
#include "filigree/nn/views.h"
#include "filigree/numerics/cast.h"

namespace filigree::nn {
namespace {

// Of values and weights, and of gradients.
template <class Value, class Gradient>
struct Formats {
  using V = Value;
  using G = Gradient;
};

// Calls body(Formats<...>{}).
template <class Body>
auto with_formats(Precision precision, Body&& body) {
  switch (precision) {
    case Precision::kBf16: return body(Formats<BFloat16, BFloat16>{});
    case Precision::kFp16: return body(Formats<Float16, Float16>{});
    case Precision::kFp8: return body(Formats<Float8E4M3, Float8E5M2>{});
    case Precision::kFp32: break;
  }
  fail_usage("low_precision_linear: FP32 is what linear() computes in");
}

void add_bias(const OptionalTensor& bias, Tensor& y) {
  const auto out = matrix_of<float>(y, "low_precision_linear");
  const float* from = vector_of<const float>(bias, out.columns, "low_precision_linear bias");
  if (from == nullptr) return;
  parallel_chunks(out.rows, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) std::copy_n(from, out.columns, out.row(r));
  });
}

class LowPrecisionLinear : public torch::autograd::Function<LowPrecisionLinear> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const OptionalTensor& bias, std::int64_t precision, FactorList list) {
    const OpFactors factors(list, is_given(bias) ? 3 : 2, "low_precision_linear");
    context->saved_data["has_bias"] = is_given(bias);
    context->saved_data["precision"] = precision;
    context->saved_data["factors"] = list.vec();
    if (x.dim() != 2 || weight.dim() != 2) {
      fail_usage("low_precision_linear: wanted matrices, got {} and {} dimensions", x.dim(), weight.dim());
    }
    return with_formats(static_cast<Precision>(precision), [&](auto formats) {
      using V = typename decltype(formats)::V;
      const Tensor x_bits = rounded<V>(x);
      const Tensor w_bits = rounded<V>(weight);
      // The weight is there anyway: it is rounded again, not kept twice.
      context->save_for_backward({x_bits, weight});
      Tensor y = at::empty({x.size(0), weight.size(0)}, x.options());
      add_bias(bias, y);
      multiply(false, true, factors.output(), operand(0, stored_matrix<V>(x_bits)),
               operand(1, stored_matrix<V>(w_bits)), is_given(bias),
               matrix_of<float>(y, "low_precision_linear"));
      return y;
    });
  }

  static variable_list backward(torch::autograd::AutogradContext* context, variable_list grads) {
    refuse_second_derivatives("low_precision_linear");
    const auto saved = context->get_saved_variables();
    const bool has_bias = context->saved_data["has_bias"].toBool();
    const OpFactors factors(context->saved_data["factors"].toDoubleVector(), has_bias ? 3 : 2,
                            "low_precision_linear");
    const auto precision = static_cast<Precision>(context->saved_data["precision"].toInt());
    const Tensor grad = grads[0].contiguous();
    Tensor dx;
    Tensor dweight;
    with_formats(precision, [&](auto formats) {
      using V = typename decltype(formats)::V;
      using G = typename decltype(formats)::G;
      const Tensor g_bits = rounded<G>(grad);
      const auto g = operand(0, stored_matrix<G>(g_bits));
      if (context->needs_input_grad(0)) {
        dx = at::empty({g.rows, saved[1].size(1)}, grad.options());
        const Tensor w_bits = rounded<V>(saved[1]);
        multiply(false, false, factors.input(0), g, operand(1, stored_matrix<V>(w_bits)), false,
                 matrix_of<float>(dx, "low_precision_linear"));
      }
      if (context->needs_input_grad(1)) {
        dweight = at::empty({g.columns, saved[0].size(1)}, grad.options());
        multiply(true, false, factors.input(1), g, operand(1, stored_matrix<V>(saved[0])), false,
                 matrix_of<float>(dweight, "low_precision_linear"));
      }
    });
    return {dx, dweight, has_bias ? bias_grad(grad, factors.input(2)) : Tensor(), Tensor(), Tensor()};
  }
};

// What rounded<T>() made, in FP32.
template <class T>
Tensor widened(const Tensor& bits) {
  Tensor to = at::empty(bits.sizes(), at::kFloat);
  const auto* from = static_cast<const T*>(bits.data_ptr());
  auto* data = to.data_ptr<float>();
  parallel_chunks(bits.numel(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
    cast(from + begin, end - begin, data + begin);
  });
  return to;
}

class LowPrecisionBsrLinear : public torch::autograd::Function<LowPrecisionBsrLinear> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& values,
                        const BsrPatternRef& pattern, const OptionalTensor& bias, std::int64_t precision,
                        FactorList list) {
    const OpFactors factors(list, is_given(bias) ? 3 : 2, "low_precision_bsr_linear");
    context->saved_data["pattern"] = pattern;
    context->saved_data["has_bias"] = is_given(bias);
    context->saved_data["precision"] = precision;
    context->saved_data["factors"] = list.vec();
    return with_formats(static_cast<Precision>(precision), [&](auto formats) {
      using V = typename decltype(formats)::V;
      const Tensor x_bits = rounded<V>(x);
      const Tensor v_bits = rounded<V>(values);
      context->save_for_backward({x_bits, values});
      return bsr_linear_forward(widened<V>(x_bits), widened<V>(v_bits), pattern, bias, factors.output());
    });
  }

  static variable_list backward(torch::autograd::AutogradContext* context, variable_list grads) {
    refuse_second_derivatives("low_precision_bsr_linear");
    const auto saved = context->get_saved_variables();
    const auto pattern = context->saved_data["pattern"].toCustomClass<BsrPatternHolder>();
    const bool has_bias = context->saved_data["has_bias"].toBool();
    const OpFactors factors(context->saved_data["factors"].toDoubleVector(), has_bias ? 3 : 2,
                            "low_precision_bsr_linear");
    const auto precision = static_cast<Precision>(context->saved_data["precision"].toInt());
    const Tensor grad = grads[0].contiguous();
    Tensor dx;
    Tensor dvalues;
    with_formats(precision, [&](auto formats) {
      using V = typename decltype(formats)::V;
      using G = typename decltype(formats)::G;
      const Tensor g = widened<G>(rounded<G>(grad));
      if (context->needs_input_grad(0)) {
        const Tensor v = widened<V>(rounded<V>(saved[1]));
        dx = bsr_linear_grad_input(g, v, pattern, factors.input(0));
      }
      if (context->needs_input_grad(1)) {
        dvalues = bsr_linear_grad_values(g, widened<V>(saved[0]), pattern, factors.input(1));
      }
    });
    return {dx,       dvalues, Tensor(), has_bias ? bias_grad(grad, factors.input(2)) : Tensor(),
            Tensor(), Tensor()};
  }
};

}  // namespace

Tensor low_precision_linear(const Tensor& x, const Tensor& weight, const OptionalTensor& bias,
                            Precision precision, FactorList factors) {
  return LowPrecisionLinear::apply(x, weight, bias, static_cast<std::int64_t>(precision), factors);
}

Tensor linear_in(Precision precision, const Tensor& x, const Tensor& weight, const OptionalTensor& bias,
                 FactorList factors) {
  if (precision == Precision::kFp32) return linear(x, weight, bias, factors);
  return low_precision_linear(x, weight, bias, precision, factors);
}

Tensor bsr_linear_in(Precision precision, const Tensor& x, const Tensor& values, const BsrPatternRef& pattern,
                     const OptionalTensor& bias, FactorList factors) {
  if (precision == Precision::kFp32) return bsr_linear(x, values, pattern, bias, factors);
  return low_precision_bsr_linear(x, values, pattern, bias, precision, factors);
}

Tensor low_precision_bsr_linear(const Tensor& x, const Tensor& values, const BsrPatternRef& pattern,
                                const OptionalTensor& bias, Precision precision, FactorList factors) {
  return LowPrecisionBsrLinear::apply(x, values, pattern, bias, static_cast<std::int64_t>(precision),
                                      factors);
}

}  // namespace filigree::nn
