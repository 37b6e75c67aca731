#include "filigree/nn/ops/embedding.h"

#include "filigree/dense/embedding.h"
#include "filigree/nn/views.h"

namespace filigree::nn {
namespace {

template <typename I>
std::span<const I> indices_of(const Tensor& tensor, const char* what) {
  if (!tensor.defined()) return {};
  check_cpu(tensor, what);
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
                        const Tensor& types, std::int64_t sequence, FactorList factors) {
    context->saved_data["factors"] = factors.vec();
    context->save_for_backward({ids, value_or_none(type_ids)});
    context->saved_data["sequence"] = sequence;
    context->saved_data["rows"] = std::vector<std::int64_t>{words.size(0), positions.size(0), types.size(0)};
    return embed_forward(ids, type_ids, words, positions, types, sequence, factors);
  }

  static variable_list backward(torch::autograd::AutogradContext* context, variable_list grads) {
    refuse_second_derivatives("embed");
    const auto saved = context->get_saved_variables();
    const auto rows = context->saved_data["rows"].toIntVector();
    auto [dwords, dpositions, dtypes] = embed_backward(
        grads[0].contiguous(), saved[0], optional_of(saved[1]), context->saved_data["sequence"].toInt(),
        rows[0], rows[1], rows[2], context->saved_data["factors"].toDoubleVector());
    return {Tensor(), Tensor(), dwords, dpositions, dtypes, Tensor(), Tensor()};
  }
};

class GatherRows : public torch::autograd::Function<GatherRows> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& rows) {
    context->save_for_backward({rows});
    context->saved_data["rows"] = x.size(0);
    return gather_rows_forward(x, rows);
  }

  static variable_list backward(torch::autograd::AutogradContext* context, variable_list grads) {
    refuse_second_derivatives("gather_rows");
    const auto saved = context->get_saved_variables();
    return {gather_rows_backward(grads[0].contiguous(), saved[0], context->saved_data["rows"].toInt()),
            Tensor()};
  }
};

}  // namespace

Tensor embed(const Tensor& ids, const OptionalTensor& type_ids, const Tensor& words, const Tensor& positions,
             const Tensor& types, std::int64_t sequence, FactorList factors) {
  return Embed::apply(ids, type_ids, words, positions, types, sequence, factors);
}

Tensor gather_rows(const Tensor& x, const Tensor& rows) { return GatherRows::apply(x, rows); }

Tensor embed_forward(const Tensor& ids, const OptionalTensor& type_ids, const Tensor& words,
                     const Tensor& positions, const Tensor& types, std::int64_t sequence,
                     FactorList factors) {
  const double factor = OpFactors(factors, 3, "embed").output();
  Tensor out;
  with_real_type(words, "embed", [&](auto zero) {
    using T = decltype(zero);
    const auto table = matrix_of<const T>(words, "embed words");
    const auto id_span = indices_of<std::int32_t>(ids, "embed ids");
    out = at::empty({static_cast<std::int64_t>(id_span.size()), table.columns}, words.options());
    dense::embed<T>(id_span, indices_of<std::int32_t>(value_or_none(type_ids), "embed types"), sequence,
                    table, matrix_of<const T>(positions, positions.size(0), table.columns, "embed positions"),
                    matrix_of<const T>(types, types.size(0), table.columns, "embed types"),
                    matrix_of<T>(out, "embed"), static_cast<T>(factor));
  });
  return out;
}

std::tuple<Tensor, Tensor, Tensor> embed_backward(const Tensor& grad, const Tensor& ids,
                                                  const OptionalTensor& type_ids, std::int64_t sequence,
                                                  std::int64_t words, std::int64_t positions,
                                                  std::int64_t types, FactorList factors) {
  const OpFactors checked(factors, 3, "embed");
  const dense::EmbeddingFactors each{
      .words = checked.input(0), .positions = checked.input(1), .types = checked.input(2)};
  Tensor dwords, dpositions, dtypes;
  with_real_type(grad, "embed", [&](auto zero) {
    using T = decltype(zero);
    const auto id_span = indices_of<std::int32_t>(ids, "embed ids");
    const auto dout =
        matrix_of<const T>(grad, static_cast<std::int64_t>(id_span.size()), grad.size(-1), "embed gradient");
    dwords = at::empty({words, dout.columns}, grad.options());
    dpositions = at::empty({positions, dout.columns}, grad.options());
    dtypes = at::empty({types, dout.columns}, grad.options());
    dense::embed_backward<T>(id_span, indices_of<std::int32_t>(value_or_none(type_ids), "embed types"),
                             sequence, dout, matrix_of<T>(dwords, "embed"), matrix_of<T>(dpositions, "embed"),
                             matrix_of<T>(dtypes, "embed"), each);
  });
  return {dwords, dpositions, dtypes};
}

Tensor gather_rows_forward(const Tensor& x, const Tensor& rows) {
  Tensor out;
  with_real_type(x, "gather_rows", [&](auto zero) {
    using T = decltype(zero);
    const auto from = matrix_of<const T>(x, "gather_rows");
    const auto chosen = indices_of<std::int64_t>(rows, "gather_rows");
    out = at::empty({static_cast<std::int64_t>(chosen.size()), from.columns}, x.options());
    dense::gather_rows<T>(from, chosen, matrix_of<T>(out, "gather_rows"));
  });
  return out;
}

Tensor gather_rows_backward(const Tensor& grad, const Tensor& rows, std::int64_t x_rows) {
  Tensor dx;
  with_real_type(grad, "gather_rows", [&](auto zero) {
    using T = decltype(zero);
    const auto chosen = indices_of<std::int64_t>(rows, "gather_rows");
    const auto dout = matrix_of<const T>(grad, static_cast<std::int64_t>(chosen.size()), grad.size(-1),
                                         "gather_rows gradient");
    dx = at::empty({x_rows, dout.columns}, grad.options());
    dense::gather_rows_backward<T>(dout, chosen, matrix_of<T>(dx, "gather_rows"));
  });
  return dx;
}

}  // namespace filigree::nn
