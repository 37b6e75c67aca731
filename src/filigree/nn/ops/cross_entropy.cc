#include "filigree/nn/ops/cross_entropy.h"

#include "filigree/dense/cross_entropy.h"
#include "filigree/nn/views.h"

namespace filigree::nn {
namespace {

class CrossEntropy : public torch::autograd::Function<CrossEntropy> {
 public:
  static variable_list forward(torch::autograd::AutogradContext* context, const Tensor& logits,
                               const OptionalTensor& bias, const Tensor& labels, double divisor) {
    Tensor probabilities = logits.detach();
    Tensor loss = at::empty({}, logits.options());
    Tensor correct = at::empty({}, labels.options());
    with_real_type(logits, "cross_entropy", [&](auto zero) {
      using T = decltype(zero);
      const std::int64_t* label_data =
          vector_of<const std::int64_t>(labels, logits.size(0), "cross_entropy labels");
      const double sum =
          dense::cross_entropy<T>(matrix_of<T>(probabilities, "cross_entropy"),
                                  vector_of<const T>(bias, logits.size(1), "cross_entropy bias"), label_data,
                                  correct.data_ptr<std::int64_t>());
      *loss.data_ptr<T>() = static_cast<T>(sum / divisor);
    });
    context->save_for_backward({probabilities, labels});
    context->saved_data["has_bias"] = is_given(bias);
    context->saved_data["divisor"] = divisor;
    context->mark_non_differentiable({correct});
    return {loss, correct};
  }

  static variable_list backward(torch::autograd::AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    if (context->saved_data.count("spent") != 0) {
      fail_usage(
          "cross_entropy: its gradient was asked for twice, but the first call has used up its memory");
    }
    context->saved_data["spent"] = true;
    Tensor dlogits = saved[0];
    Tensor dbias =
        context->saved_data["has_bias"].toBool() ? at::empty({dlogits.size(1)}, dlogits.options()) : Tensor();
    with_real_type(dlogits, "cross_entropy", [&](auto zero) {
      using T = decltype(zero);
      const double factor =
          static_cast<double>(*grads[0].data_ptr<T>()) / context->saved_data["divisor"].toDouble();
      dense::cross_entropy_backward<T>(matrix_of<T>(dlogits, "cross_entropy"),
                                       saved[1].data_ptr<std::int64_t>(), static_cast<T>(factor),
                                       dbias.defined() ? dbias.data_ptr<T>() : nullptr);
    });
    return {dlogits, dbias, Tensor(), Tensor()};
  }
};

}  // namespace

std::tuple<Tensor, Tensor> cross_entropy_consuming(const Tensor& logits, const OptionalTensor& bias,
                                                   const Tensor& labels, double divisor) {
  const variable_list out = CrossEntropy::apply(logits, bias, labels, divisor);
  return {out[0], out[1]};
}

std::tuple<Tensor, Tensor> cross_entropy(const Tensor& logits, const OptionalTensor& bias,
                                         const Tensor& labels, double divisor) {
  return cross_entropy_consuming(logits.clone(), bias, labels, divisor);
}

}  // namespace filigree::nn
