#include "filigree/nn/ops/embedding.h"

#include "filigree/dense/embedding.h"
#include "filigree/nn/views.h"

namespace filigree::nn {
namespace {

template <typename I>
std::span<const I> indices_of(const Tensor& tensor, const char* what) {
  if (!tensor.defined()) return {};
  if (tensor.dim() != 1 || !tensor.is_contiguous() ||
      tensor.scalar_type() != c10::CppTypeToScalarType<I>::value) {
    fail_usage("{}: wanted a contiguous vector of {}", what,
               c10::toString(c10::CppTypeToScalarType<I>::value));
  }
  return {tensor.data_ptr<I>(), static_cast<std::size_t>(tensor.size(0))};
}

class Embed : public torch::autograd::Function<Embed> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& ids,
                        const OptionalTensor& type_ids, const Tensor& words, const Tensor& positions,
                        const Tensor& types, std::int64_t sequence) {
    Tensor out = at::empty({ids.size(0), words.size(1)}, words.options());
    with_real_type(words, "embed", [&](auto zero) {
      using T = decltype(zero);
      dense::embed<T>(indices_of<std::int32_t>(ids, "embed ids"),
                      indices_of<std::int32_t>(value_or_none(type_ids), "embed types"), sequence,
                      matrix_of<const T>(words, "embed"), matrix_of<const T>(positions, "embed"),
                      matrix_of<const T>(types, "embed"), matrix_of<T>(out, "embed"));
    });
    context->save_for_backward({ids, value_or_none(type_ids)});
    context->saved_data["sequence"] = sequence;
    context->saved_data["rows"] = std::vector<std::int64_t>{words.size(0), positions.size(0), types.size(0)};
    return out;
  }

  static variable_list backward(torch::autograd::AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const auto rows = context->saved_data["rows"].toIntVector();
    const Tensor grad = grads[0].contiguous();
    const std::int64_t hidden = grad.size(1);
    Tensor dwords = at::empty({rows[0], hidden}, grad.options());
    Tensor dpositions = at::empty({rows[1], hidden}, grad.options());
    Tensor dtypes = at::empty({rows[2], hidden}, grad.options());
    with_real_type(grad, "embed", [&](auto zero) {
      using T = decltype(zero);
      dense::embed_backward<T>(
          indices_of<std::int32_t>(saved[0], "embed"), indices_of<std::int32_t>(saved[1], "embed"),
          context->saved_data["sequence"].toInt(), matrix_of<const T>(grad, "embed"),
          matrix_of<T>(dwords, "embed"), matrix_of<T>(dpositions, "embed"), matrix_of<T>(dtypes, "embed"));
    });
    return {Tensor(), Tensor(), dwords, dpositions, dtypes, Tensor()};
  }
};

class GatherRows : public torch::autograd::Function<GatherRows> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& rows) {
    Tensor out = at::empty({rows.size(0), x.size(1)}, x.options());
    with_real_type(x, "gather_rows", [&](auto zero) {
      using T = decltype(zero);
      dense::gather_rows<T>(matrix_of<const T>(x, "gather_rows"),
                            indices_of<std::int64_t>(rows, "gather_rows"), matrix_of<T>(out, "gather_rows"));
    });
    context->save_for_backward({rows});
    context->saved_data["rows"] = x.size(0);
    return out;
  }

  static variable_list backward(torch::autograd::AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const Tensor grad = grads[0].contiguous();
    Tensor dx = at::empty({context->saved_data["rows"].toInt(), grad.size(1)}, grad.options());
    with_real_type(grad, "gather_rows", [&](auto zero) {
      using T = decltype(zero);
      dense::gather_rows_backward<T>(matrix_of<const T>(grad, "gather_rows"),
                                     indices_of<std::int64_t>(saved[0], "gather_rows"),
                                     matrix_of<T>(dx, "gather_rows"));
    });
    return {dx, Tensor()};
  }
};

}  // namespace

Tensor embed(const Tensor& ids, const OptionalTensor& type_ids, const Tensor& words, const Tensor& positions,
             const Tensor& types, std::int64_t sequence) {
  return Embed::apply(ids, type_ids, words, positions, types, sequence);
}

Tensor gather_rows(const Tensor& x, const Tensor& rows) { return GatherRows::apply(x, rows); }

}  // namespace filigree::nn
