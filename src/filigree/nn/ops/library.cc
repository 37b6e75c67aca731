// The ops of Filigree as LibTorch knows them: the explicit list. torch.ops.load_library on the shared
// library that holds this file gives torch.ops.filigree.* and torch.classes.filigree.BsrPattern.
#include "filigree/nn/torch.h"
//
#include "filigree/nn/bsr_pattern.h"
#include "filigree/nn/ops/add_layer_norm.h"
#include "filigree/nn/ops/attention.h"
#include "filigree/nn/ops/bias_gelu.h"
#include "filigree/nn/ops/bsr_linear.h"
#include "filigree/nn/ops/cross_entropy.h"
#include "filigree/nn/ops/embedding.h"
#include "filigree/nn/ops/linear.h"
#include "filigree/nn/views.h"

namespace filigree::nn {
namespace {

std::vector<std::int32_t> to_vector(const Tensor& tensor) {
  const Tensor ints = tensor.to(at::kInt).contiguous();
  return {ints.data_ptr<std::int32_t>(), ints.data_ptr<std::int32_t>() + ints.numel()};
}

Tensor to_tensor(std::span<const std::int32_t> values) {
  Tensor out = at::empty({static_cast<std::int64_t>(values.size())}, at::kInt);
  std::copy(values.begin(), values.end(), out.data_ptr<std::int32_t>());
  return out;
}

BsrPatternRef make_pattern(std::int64_t rows, std::int64_t columns, std::int64_t block,
                           const Tensor& row_offsets, const Tensor& column_indices) {
  return c10::make_intrusive<BsrPatternHolder>(sparse::BsrPattern(
      rows, columns, static_cast<int>(block), to_vector(row_offsets), to_vector(column_indices)));
}

}  // namespace

TORCH_LIBRARY(filigree, library) {
  library.class_<BsrPatternHolder>("BsrPattern")
      .def(torch::init(&make_pattern))
      .def("rows", [](const BsrPatternRef& self) { return self->pattern->rows(); })
      .def("columns", [](const BsrPatternRef& self) { return self->pattern->columns(); })
      .def("block",
           [](const BsrPatternRef& self) { return static_cast<std::int64_t>(self->pattern->block()); })
      .def("row_offsets", [](const BsrPatternRef& self) { return to_tensor(self->pattern->row_offsets()); })
      .def("column_indices",
           [](const BsrPatternRef& self) { return to_tensor(self->pattern->column_indices()); })
      .def_pickle(
          [](const BsrPatternRef& self) {
            return std::make_tuple(self->pattern->rows(), self->pattern->columns(),
                                   static_cast<std::int64_t>(self->pattern->block()),
                                   to_tensor(self->pattern->row_offsets()),
                                   to_tensor(self->pattern->column_indices()));
          },
          [](std::tuple<std::int64_t, std::int64_t, std::int64_t, Tensor, Tensor> state) {
            return std::apply(make_pattern, state);
          });

  // With autograd.
  library.def("linear(Tensor x, Tensor weight, Tensor? bias) -> Tensor");
  library.def(
      "bsr_linear(Tensor x, Tensor values, __torch__.torch.classes.filigree.BsrPattern pattern, Tensor? "
      "bias) -> "
      "Tensor");
  library.def("bias_gelu(Tensor x, Tensor? bias) -> Tensor");
  library.def(
      "add_layer_norm(Tensor x, Tensor? bias, Tensor? residual, Tensor gamma, Tensor beta, float epsilon) -> "
      "(Tensor, "
      "Tensor)");
  library.def("attention(Tensor qkv, Tensor lengths, int heads) -> Tensor");
  library.def("cross_entropy(Tensor logits, Tensor? bias, Tensor labels, float divisor) -> (Tensor, Tensor)");
  library.def(
      "embed(Tensor ids, Tensor? type_ids, Tensor words, Tensor positions, Tensor types, int sequence) -> "
      "Tensor");
  library.def("gather_rows(Tensor x, Tensor rows) -> Tensor");

  // Forward and backward as ops of their own.
  library.def("linear_forward(Tensor x, Tensor weight, Tensor? bias) -> Tensor", &linear_forward);
  library.def("linear_grad_input(Tensor grad, Tensor weight) -> Tensor", &linear_grad_input);
  library.def("linear_grad_weight(Tensor grad, Tensor x) -> Tensor", &linear_grad_weight);
  library.def("bias_grad(Tensor grad) -> Tensor", &bias_grad);
  library.def("bsr_linear_forward", &bsr_linear_forward);
  library.def("bsr_linear_grad_input", &bsr_linear_grad_input);
  library.def("bsr_linear_grad_values", &bsr_linear_grad_values);
  library.def("bias_gelu_forward", &bias_gelu_forward);
  library.def("bias_gelu_backward", &bias_gelu_backward);
  library.def("add_layer_norm_forward", &add_layer_norm_forward);
  library.def("add_layer_norm_backward", &add_layer_norm_backward);
  library.def("attention_forward", &attention_forward);
  library.def("attention_backward", &attention_backward);
  library.def("cross_entropy_forward", &cross_entropy_forward);
  library.def("cross_entropy_backward", &cross_entropy_backward);
  library.def("embed_forward", &embed_forward);
  library.def("embed_backward", &embed_backward);
  library.def("gather_rows_forward", &gather_rows_forward);
  library.def("gather_rows_backward", &gather_rows_backward);
}

// autograd::Function records only where gradients are wanted, so one function serves both keys.
#define FILIGREE_DIFFERENTIABLE(library)           \
  library.impl("linear", &linear);                 \
  library.impl("bsr_linear", &bsr_linear);         \
  library.impl("bias_gelu", &bias_gelu);           \
  library.impl("add_layer_norm", &add_layer_norm); \
  library.impl("attention", &attention);           \
  library.impl("cross_entropy", &cross_entropy);   \
  library.impl("embed", &embed);                   \
  library.impl("gather_rows", &gather_rows)

TORCH_LIBRARY_IMPL(filigree, CPU, library) { FILIGREE_DIFFERENTIABLE(library); }
TORCH_LIBRARY_IMPL(filigree, Autograd, library) { FILIGREE_DIFFERENTIABLE(library); }

}  // namespace filigree::nn
