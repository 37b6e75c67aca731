#include "filigree/nn/ops/scale.h"

#include "filigree/nn/views.h"

namespace filigree::nn {
namespace {

class Scale : public torch::autograd::Function<Scale> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, double forward,
                        double backward) {
    context->saved_data["backward"] = backward;
    return x * forward;
  }

  static variable_list backward(torch::autograd::AutogradContext* context, variable_list grads) {
    refuse_second_derivatives("scale");
    return {grads[0] * context->saved_data["backward"].toDouble(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor scale(const Tensor& x, double forward, double backward) { return Scale::apply(x, forward, backward); }

}  // namespace filigree::nn
