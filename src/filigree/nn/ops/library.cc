// The ops of Filigree as LibTorch knows them: the explicit list. torch.ops.load_library on the shared
// library that holds this file gives torch.ops.filigree.* and torch.classes.filigree.BsrPattern.
#include "filigree/nn/torch.h"
//
#include "filigree/base/parallel.h"
#include "filigree/dense/gemm.h"
#include "filigree/nn/bsr_pattern.h"
#include "filigree/nn/ops/add_layer_norm.h"
#include "filigree/nn/ops/attention.h"
#include "filigree/nn/ops/bias_gelu.h"
#include "filigree/nn/ops/bsr_linear.h"
#include "filigree/nn/ops/bsr_matrix.h"
#include "filigree/nn/ops/cross_entropy.h"
#include "filigree/nn/ops/embedding.h"
#include "filigree/nn/ops/linear.h"
#include "filigree/nn/ops/low_precision_linear.h"
#include "filigree/nn/ops/scale.h"
#include "filigree/nn/views.h"

namespace filigree::nn {
namespace {

constexpr std::int64_t kMostThreads = 4096;

// Errors (usage): anything but a vector of integers; (bad data) one beyond 32 bits.
std::vector<std::int32_t> to_vector(const Tensor& tensor, const char* what) {
  check_cpu(tensor, what);
  if (tensor.dim() != 1 || !at::isIntegralType(tensor.scalar_type(), /*includeBool=*/false)) {
    fail_usage("{}: wanted a vector of integers, got {} dimensions of {}", what, tensor.dim(),
               c10::toString(tensor.scalar_type()));
  }
  const Tensor longs = tensor.to(at::kLong).contiguous();
  const auto* const from = longs.data_ptr<std::int64_t>();
  std::vector<std::int32_t> narrow;
  narrow.reserve(static_cast<std::size_t>(longs.numel()));
  for (std::int64_t i = 0; i < longs.numel(); ++i) {
    if (from[i] != static_cast<std::int32_t>(from[i])) {
      fail_data("{}: element {} is {}, which has more than 32 bits", what, i, from[i]);
    }
    narrow.push_back(static_cast<std::int32_t>(from[i]));
  }
  return narrow;
}

Tensor to_tensor(std::span<const std::int32_t> values) {
  Tensor out = at::empty({static_cast<std::int64_t>(values.size())}, at::kInt);
  std::copy(values.begin(), values.end(), out.data_ptr<std::int32_t>());
  return out;
}

// A side, or rows and columns, as schemas hand them over: `int[2]` takes one number for both.
sparse::BlockShape to_block(at::IntArrayRef sides) {
  if (sides.size() != 2)
    fail_usage("a block has one side, or rows and columns, not {} numbers", sides.size());
  return block_shape(sides[0], sides[1]);
}
// The same of a class's arguments, whose schemas do not.
sparse::BlockShape to_block(const c10::IValue& block) {
  if (block.isInt()) return block_shape(block.toInt(), block.toInt());
  std::vector<std::int64_t> sides;
  if (block.isIntList()) sides = block.toIntVector();
  if (block.isTuple()) {
    for (const c10::IValue& side : block.toTupleRef().elements()) {
      if (side.isInt()) sides.push_back(side.toInt());
    }
  }
  return to_block(at::IntArrayRef(sides));
}
std::tuple<std::int64_t, std::int64_t> shape_of(const BsrPatternRef& self) {
  return {self->pattern->block().rows, self->pattern->block().columns};
}

BsrPatternRef make_pattern(std::int64_t rows, std::int64_t columns, const c10::IValue& block,
                           const Tensor& row_offsets, const Tensor& column_indices) {
  return c10::make_intrusive<BsrPatternHolder>(
      sparse::BsrPattern(rows, columns, to_block(block), to_vector(row_offsets, "BsrPattern row_offsets"),
                         to_vector(column_indices, "BsrPattern column_indices")));
}

std::tuple<BsrPatternRef, Tensor> from_dense(const Tensor& weight, double density, at::IntArrayRef block) {
  return bsr_from_dense(weight, density, to_block(block));
}
BsrPatternRef random_pattern(std::int64_t rows, std::int64_t columns, at::IntArrayRef block, double density,
                             std::int64_t seed) {
  return bsr_random(rows, columns, to_block(block), density, seed);
}

Tensor low_precision_by_name(const Tensor& x, const Tensor& weight, const OptionalTensor& bias,
                             c10::string_view precision, FactorList factors) {
  return linear_in(parse_precision({precision.data(), precision.size()}), x, weight, bias, factors);
}
Tensor low_precision_bsr_by_name(const Tensor& x, const Tensor& values, const BsrPatternRef& pattern,
                                 const OptionalTensor& bias, c10::string_view precision, FactorList factors) {
  return bsr_linear_in(parse_precision({precision.data(), precision.size()}), x, values, pattern, bias,
                       factors);
}

// Called where a gradient would be wanted of its result, an op without one says so, because the result would
// be taken for a constant.
void refuse_gradient(const char* cure, const Tensor& tensor) {
  if (at::GradMode::is_enabled() && tensor.defined() && tensor.requires_grad()) fail_usage("{}", cure);
}
void refuse_gradient(const char* cure, const OptionalTensor& tensor) {
  refuse_gradient(cure, value_or_none(tensor));
}
template <typename T>
void refuse_gradient(const char*, const T&) {}

constexpr char kPartCure[] =
    "this op is one half of an op with autograd: call that one, or call this under no_grad";
constexpr char kPlainCure[] = "this op has no gradient: detach() its argument, or call it under no_grad";

template <const char* kCure, auto Function>
struct Refusing;
template <const char* kCure, typename Result, typename... Arguments, Result (*Function)(Arguments...)>
struct Refusing<kCure, Function> {
  static Result call(Arguments... arguments) {
    (refuse_gradient(kCure, arguments), ...);
    return Function(arguments...);
  }
};

// A part of an op as it is registered, and an op that has no gradient.
template <auto Function>
using Part = Refusing<kPartCure, Function>;
template <auto Function>
using Plain = Refusing<kPlainCure, Function>;

}  // namespace

TORCH_LIBRARY(filigree, library) {
  library.class_<BsrPatternHolder>("BsrPattern")
      .def(torch::init(&make_pattern))
      .def("rows", [](const BsrPatternRef& self) { return self->pattern->rows(); })
      .def("columns", [](const BsrPatternRef& self) { return self->pattern->columns(); })
      .def("block_count", [](const BsrPatternRef& self) { return self->pattern->block_count(); })
      .def("density", [](const BsrPatternRef& self) { return self->pattern->density(); })
      .def("block",
           [](const BsrPatternRef& self) {
             const sparse::BlockShape block = self->pattern->block();
             if (!block.square()) {
               fail_usage("blocks of {} have no side: ask for block_shape()", block.text());
             }
             return std::int64_t{block.rows};
           })
      .def("block_shape", &shape_of)
      .def("row_offsets", [](const BsrPatternRef& self) { return to_tensor(self->pattern->row_offsets()); })
      .def("column_indices",
           [](const BsrPatternRef& self) { return to_tensor(self->pattern->column_indices()); })
      .def_pickle(
          [](const BsrPatternRef& self) {
            return std::make_tuple(self->pattern->rows(), self->pattern->columns(), shape_of(self),
                                   to_tensor(self->pattern->row_offsets()),
                                   to_tensor(self->pattern->column_indices()));
          },
          [](const std::tuple<std::int64_t, std::int64_t, std::tuple<std::int64_t, std::int64_t>, Tensor,
                              Tensor>& state) {
            const auto& [rows, columns, block, row_offsets, column_indices] = state;
            return make_pattern(rows, columns, block, row_offsets, column_indices);
          });

  // Threads of all ops here, dense products included; 0 means all cores.
  library.def("set_num_threads(int threads) -> ()", [](std::int64_t threads) {
    if (threads < 0 || threads > kMostThreads) fail_usage("{} is no number of threads", threads);
    set_thread_count(static_cast<int>(threads));
    dense::set_blas_threads();
  });

  // Matrices; none has a gradient.
  library.def(
      "bsr_from_dense(Tensor weight, float density, int[2] block) -> "
      "(__torch__.torch.classes.filigree.BsrPattern, Tensor)",
      torch::dispatch(c10::DispatchKey::CPU, &Plain<&from_dense>::call));
  library.def("bsr_to_dense(Tensor values, __torch__.torch.classes.filigree.BsrPattern pattern) -> Tensor",
              torch::dispatch(c10::DispatchKey::CPU, &Plain<&bsr_to_dense>::call));
  library.def(
      "bsr_random(int rows, int columns, int[2] block, float density, int seed) -> "
      "__torch__.torch.classes.filigree.BsrPattern",
      &random_pattern);
  library.def(
      "bsr_move(Tensor values, __torch__.torch.classes.filigree.BsrPattern before, "
      "__torch__.torch.classes.filigree.BsrPattern after) -> Tensor",
      torch::dispatch(c10::DispatchKey::CPU, &Plain<&bsr_move>::call));

  library.def("bsr_trim(Tensor values, __torch__.torch.classes.filigree.BsrPattern pattern) -> Tensor",
              torch::dispatch(c10::DispatchKey::CPU, &Plain<&bsr_trim>::call));

  // With autograd.
  library.def("linear(Tensor x, Tensor weight, Tensor? bias, float[] factors=[]) -> Tensor");
  library.def(
      "bsr_linear(Tensor x, Tensor values, __torch__.torch.classes.filigree.BsrPattern pattern, Tensor? "
      "bias, float[] factors=[]) -> Tensor");
  library.def("bias_gelu(Tensor x, Tensor? bias, float[] factors=[]) -> Tensor");
  library.def(
      "add_layer_norm(Tensor x, Tensor? bias, Tensor? residual, Tensor gamma, Tensor beta, float epsilon, "
      "float[] factors=[]) -> (Tensor, Tensor)");
  library.def("attention(Tensor qkv, Tensor lengths, int heads, float[] factors=[]) -> Tensor");
  library.def(
      "cross_entropy(Tensor logits, Tensor? bias, Tensor labels, float divisor, float[] factors=[]) -> "
      "(Tensor, Tensor)");
  library.def(
      "embed(Tensor ids, Tensor? type_ids, Tensor words, Tensor positions, Tensor types, int sequence, "
      "float[] factors=[]) -> Tensor");
  library.def(
      "low_precision_linear(Tensor x, Tensor weight, Tensor? bias, str precision, float[] factors=[]) -> "
      "Tensor");
  library.def(
      "low_precision_bsr_linear(Tensor x, Tensor values, __torch__.torch.classes.filigree.BsrPattern "
      "pattern, "
      "Tensor? bias, str precision, float[] factors=[]) -> Tensor");
  library.def("scale(Tensor x, float forward, float backward) -> Tensor");
  library.def("gather_rows(Tensor x, Tensor rows) -> Tensor");

  // Forward and backward as ops of their own.
  const auto part = [&](const char* name, auto function) {
    library.def(name, torch::dispatch(c10::DispatchKey::CPU, function));
  };
  part("linear_forward", &Part<&linear_forward>::call);
  part("linear_grad_input", &Part<&linear_grad_input>::call);
  part("linear_grad_weight", &Part<&linear_grad_weight>::call);
  part("bias_grad", &Part<&bias_grad>::call);
  part("bsr_linear_forward", &Part<&bsr_linear_forward>::call);
  part("bsr_linear_grad_input", &Part<&bsr_linear_grad_input>::call);
  part("bsr_linear_grad_values", &Part<&bsr_linear_grad_values>::call);
  part("bias_gelu_forward", &Part<&bias_gelu_forward>::call);
  part("bias_gelu_backward", &Part<&bias_gelu_backward>::call);
  part("add_layer_norm_forward", &Part<&add_layer_norm_forward>::call);
  part("add_layer_norm_backward", &Part<&add_layer_norm_backward>::call);
  part("attention_forward", &Part<&attention_forward>::call);
  part("attention_backward", &Part<&attention_backward>::call);
  part("cross_entropy_forward", &Part<&cross_entropy_forward>::call);
  part("cross_entropy_backward", &Part<&cross_entropy_backward>::call);
  part("embed_forward", &Part<&embed_forward>::call);
  part("embed_backward", &Part<&embed_backward>::call);
  part("gather_rows_forward", &Part<&gather_rows_forward>::call);
  part("gather_rows_backward", &Part<&gather_rows_backward>::call);
}

// autograd::Function records only where gradients are wanted, so one function serves both keys.
#define FILIGREE_DIFFERENTIABLE(library)                                \
  library.impl("low_precision_linear", &low_precision_by_name);         \
  library.impl("low_precision_bsr_linear", &low_precision_bsr_by_name); \
  library.impl("linear", &linear);                                      \
  library.impl("bsr_linear", &bsr_linear);                              \
  library.impl("bias_gelu", &bias_gelu);                                \
  library.impl("add_layer_norm", &add_layer_norm);                      \
  library.impl("attention", &attention);                                \
  library.impl("cross_entropy", &cross_entropy);                        \
  library.impl("embed", &embed);                                        \
  library.impl("gather_rows", &gather_rows);                            \
  library.impl("scale", &scale)

TORCH_LIBRARY_IMPL(filigree, CPU, library) { FILIGREE_DIFFERENTIABLE(library); }
TORCH_LIBRARY_IMPL(filigree, Autograd, library) { FILIGREE_DIFFERENTIABLE(library); }

}  // namespace filigree::nn
