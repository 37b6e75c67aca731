#include "filigree/nn/ops/cross_entropy.h"

#include "filigree/dense/cross_entropy.h"
#include "filigree/nn/views.h"

namespace filigree::nn {
namespace {

// Turns the logits into probabilities in place. Gives the loss and the number of correct rows.
std::tuple<Tensor, Tensor> forward_in_place(Tensor& logits, const OptionalTensor& bias, const Tensor& labels,
                                            double divisor) {
  Tensor loss = at::empty({}, logits.options());
  Tensor correct = at::empty({}, labels.options());
  with_real_type(logits, "cross_entropy", [&](auto zero) {
    using T = decltype(zero);
    const auto matrix = matrix_of<T>(logits, "cross_entropy");
    const double sum =
        dense::cross_entropy<T>(matrix, vector_of<const T>(bias, matrix.columns, "cross_entropy bias"),
                                vector_of<const std::int64_t>(labels, matrix.rows, "cross_entropy labels"),
                                correct.data_ptr<std::int64_t>());
    *loss.data_ptr<T>() = static_cast<T>(sum / divisor);
  });
  return {loss, correct};
}

// Turns the probabilities into the logits' gradient in place. Gives the bias's, if wanted.
Tensor backward_in_place(const Tensor& grad, Tensor& probabilities, const Tensor& labels, double divisor,
                         bool bias_wanted, FactorList list) {
  const OpFactors factors(list, list.size() == 2 ? 1 : 2, "cross_entropy");
  if (grad.numel() != 1 || grad.scalar_type() != probabilities.scalar_type()) {
    fail_usage("cross_entropy: wanted the gradient of the loss as a scalar of the logits' type");
  }
  Tensor dbias;
  with_real_type(probabilities, "cross_entropy", [&](auto zero) {
    using T = decltype(zero);
    const auto matrix = matrix_of<T>(probabilities, "cross_entropy probabilities");
    if (bias_wanted) dbias = at::empty({matrix.columns}, probabilities.options());
    const double factor = factors.input(0) * static_cast<double>(*grad.data_ptr<T>()) / divisor;
    dense::cross_entropy_backward<T>(
        matrix, vector_of<const std::int64_t>(labels, matrix.rows, "cross_entropy labels"),
        static_cast<T>(factor), bias_wanted ? dbias.data_ptr<T>() : nullptr);
  });
  // It is summed over what has the logits' factor.
  if (bias_wanted && list.size() == 3 && factors.input(1) != factors.input(0)) {
    dbias.mul_(factors.input(1) / factors.input(0));
  }
  return dbias;
}

class CrossEntropy : public torch::autograd::Function<CrossEntropy> {
 public:
  static variable_list forward(torch::autograd::AutogradContext* context, const Tensor& logits,
                               const OptionalTensor& bias, const Tensor& labels, double divisor,
                               FactorList factors) {
    const OpFactors checked(factors, is_given(bias) ? 2 : 1, "cross_entropy");
    if (checked.output() != 1) fail_usage("cross_entropy: the loss's factor is 1, not {}", checked.output());
    context->saved_data["factors"] = factors.vec();
    Tensor probabilities = logits.detach();
    const auto [loss, correct] = forward_in_place(probabilities, bias, labels, divisor);
    context->save_for_backward({probabilities, labels});
    context->saved_data["has_bias"] = is_given(bias);
    context->saved_data["divisor"] = divisor;
    context->mark_non_differentiable({correct});
    return {loss, correct};
  }

  static variable_list backward(torch::autograd::AutogradContext* context, variable_list grads) {
    refuse_second_derivatives("cross_entropy");
    const auto saved = context->get_saved_variables();
    if (context->saved_data.count("spent") != 0) {
      fail_usage(
          "cross_entropy: its gradient was asked for twice, but the first call has used up its memory");
    }
    context->saved_data["spent"] = true;
    Tensor dlogits = saved[0];
    const Tensor dbias = backward_in_place(
        grads[0], dlogits, saved[1], context->saved_data["divisor"].toDouble(),
        context->saved_data["has_bias"].toBool(), context->saved_data["factors"].toDoubleVector());
    return {dlogits, dbias, Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

std::tuple<Tensor, Tensor> cross_entropy_consuming(const Tensor& logits, const OptionalTensor& bias,
                                                   const Tensor& labels, double divisor, FactorList factors) {
  const variable_list out = CrossEntropy::apply(logits, bias, labels, divisor, factors);
  return {out[0], out[1]};
}

std::tuple<Tensor, Tensor> cross_entropy(const Tensor& logits, const OptionalTensor& bias,
                                         const Tensor& labels, double divisor, FactorList factors) {
  return cross_entropy_consuming(logits.clone(), bias, labels, divisor, factors);
}

std::tuple<Tensor, Tensor, Tensor> cross_entropy_forward(const Tensor& logits, const OptionalTensor& bias,
                                                         const Tensor& labels, double divisor) {
  Tensor probabilities = logits.clone(at::MemoryFormat::Contiguous);
  const auto [loss, correct] = forward_in_place(probabilities, bias, labels, divisor);
  return {loss, correct, probabilities};
}

std::tuple<Tensor, Tensor> cross_entropy_backward(const Tensor& grad, const Tensor& probabilities,
                                                  const Tensor& labels, double divisor, FactorList factors) {
  Tensor dlogits = probabilities.clone(at::MemoryFormat::Contiguous);
  const Tensor dbias = backward_in_place(grad, dlogits, labels, divisor, /*bias_wanted=*/true, factors);
  return {dlogits, dbias};
}

}  // namespace filigree::nn
