#include "filigree/nn/ops/attention.h"

#include "filigree/dense/attention.h"
#include "filigree/nn/views.h"

namespace filigree::nn {
namespace {

dense::AttentionShape shape_of(const Tensor& qkv, const Tensor& lengths, std::int64_t heads) {
  check_cpu(lengths, "attention lengths");
  if (lengths.scalar_type() != at::kInt || lengths.dim() != 1 || !lengths.is_contiguous()) {
    fail_usage("attention: wanted lengths as a contiguous int32 vector");
  }
  const std::int64_t batch = lengths.size(0);
  if (heads < 1 || batch < 1 || qkv.size(0) % batch != 0 || qkv.size(1) % (3 * heads) != 0) {
    fail_usage("attention: {} x {} is not q, k and v of {} sequences and {} heads", qkv.size(0), qkv.size(1),
               batch, heads);
  }
  const std::int64_t sequence = qkv.size(0) / batch;
  const std::int32_t* data = lengths.data_ptr<std::int32_t>();
  for (std::int64_t b = 0; b < batch; ++b) {
    if (data[b] < 0 || data[b] > sequence) {
      fail_usage("attention: length {} of sequence {} is not in 0..{}", data[b], b, sequence);
    }
  }
  return {batch, sequence, heads, {data, static_cast<std::size_t>(batch)}};
}

dense::AttentionFactors factors_of(FactorList list) {
  const OpFactors factors(list, 3, "attention");
  return {.output = factors.output(), .q = factors.input(0), .k = factors.input(1), .v = factors.input(2)};
}

class Attention : public torch::autograd::Function<Attention> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& qkv, const Tensor& lengths,
                        std::int64_t heads, FactorList factors) {
    auto [out, probabilities] = attention_forward(qkv, lengths, heads, factors);
    context->saved_data["factors"] = factors.vec();
    context->save_for_backward({qkv, probabilities, lengths});
    return out;
  }

  static variable_list backward(torch::autograd::AutogradContext* context, variable_list grads) {
    refuse_second_derivatives("attention");
    const auto saved = context->get_saved_variables();
    const std::vector<double> factors = context->saved_data["factors"].toDoubleVector();
    return {attention_backward(grads[0].contiguous(), saved[0], saved[1], saved[2], factors), Tensor(),
            Tensor(), Tensor()};
  }
};

}  // namespace

Tensor attention(const Tensor& qkv, const Tensor& lengths, std::int64_t heads, FactorList factors) {
  return Attention::apply(qkv, lengths, heads, factors);
}

std::tuple<Tensor, Tensor> attention_forward(const Tensor& qkv, const Tensor& lengths, std::int64_t heads,
                                             FactorList factors) {
  const dense::AttentionShape shape = shape_of(qkv, lengths, heads);
  Tensor out = at::empty({qkv.size(0), qkv.size(1) / 3}, qkv.options());
  Tensor probabilities = at::empty({shape.batch, heads, shape.sequence, shape.sequence}, qkv.options());
  with_real_type(qkv, "attention", [&](auto zero) {
    using T = decltype(zero);
    dense::attention<T>(shape, matrix_of<const T>(qkv, "attention"), probabilities.data_ptr<T>(),
                        matrix_of<T>(out, "attention"), factors_of(factors));
  });
  return {out, probabilities};
}

Tensor attention_backward(const Tensor& grad, const Tensor& qkv, const Tensor& probabilities,
                          const Tensor& lengths, FactorList factors) {
  const dense::AttentionShape shape =
      shape_of(qkv, lengths, probabilities.dim() == 4 ? probabilities.size(1) : 0);
  if (probabilities.sizes() != at::IntArrayRef({shape.batch, shape.heads, shape.sequence, shape.sequence}) ||
      !probabilities.is_contiguous()) {
    fail_usage("attention: wanted contiguous probabilities of {} x {} x {} x {}", shape.batch, shape.heads,
               shape.sequence, shape.sequence);
  }
  Tensor dqkv = at::empty_like(qkv, at::MemoryFormat::Contiguous);
  with_real_type(qkv, "attention", [&](auto zero) {
    using T = decltype(zero);
    dense::attention_backward<T>(shape,
                                 matrix_of<const T>(grad, qkv.size(0), qkv.size(1) / 3, "attention gradient"),
                                 matrix_of<const T>(qkv, "attention"), probabilities.data_ptr<T>(),
                                 matrix_of<T>(dqkv, "attention"), factors_of(factors));
  });
  return dqkv;
}

}  // namespace filigree::nn
