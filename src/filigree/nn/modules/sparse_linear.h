// A layer with block-sparse weights for models in C++, as torch::nn::Linear is one with dense weights.
#pragma once

#include "filigree/nn/torch.h"
//
#include <torch/nn/cloneable.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/serialize.h>

#include "filigree/nn/bsr_pattern.h"

namespace filigree::nn {

// y = x W^T + bias. x: [..., in], float or double, on the CPU; y: [..., out].
// values: [blocks, rows, columns] in the pattern's order, a parameter; so is bias ([out]), where there is
// one. The pattern is saved with it (buffers shape, row_offsets and column_indices) and moves to what is
// loaded into it; clone() works as torch::nn::Linear's.
class SparseLinearImpl : public torch::nn::Cloneable<SparseLinearImpl> {
 public:
  // A pattern drawn uniformly at random, its blocks nearest to `density`, at least one; weights and bias
  // drawn uniformly on +-1 / sqrt(in * density), as torch::nn::Linear does for the inputs that an output has
  // on average. Without a seed the pattern comes from torch's generator (torch::manual_seed fixes it).
  // Errors: as sparse::BsrPattern::random.
  SparseLinearImpl(std::int64_t in, std::int64_t out, double density, sparse::BlockShape block = 16,
                   bool with_bias = true, c10::optional<std::int64_t> seed = c10::nullopt);
  // Of given weights, which are copied. bias: [out], or Tensor(). Errors (usage): shapes that do not fit.
  SparseLinearImpl(BsrPatternRef pattern, const Tensor& values, const Tensor& bias);

  // The blocks of `weight` ([out, in]) with the largest sums of magnitudes. Errors: as bsr_from_dense.
  static std::shared_ptr<SparseLinearImpl> from_dense(const Tensor& weight, const Tensor& bias,
                                                      double density, sparse::BlockShape block = 16);

  void reset() override;
  Tensor forward(const Tensor& x) const;
  // Moves to another pattern of the same shape and block: blocks that stay keep their values, new ones are
  // zero. `values` keeps its identity as a parameter; an optimiser's state is the caller's to move
  // (bsr_move). A graph that was recorded before can no longer be followed back: autograd says so.
  void set_pattern(BsrPatternRef pattern);
  const BsrPatternRef& pattern() const { return pattern_; }

  // Errors (usage): a layer of another size, or none.
  void load(torch::serialize::InputArchive& archive) override;
  void pretty_print(std::ostream& stream) const override;

  Tensor values;
  Tensor bias;

 private:
  void use(BsrPatternRef pattern);

  BsrPatternRef pattern_;
  // As they are saved: [rows, columns, block], the block's rows and columns where they differ, and the
  // pattern's arrays.
  Tensor shape_;
  Tensor row_offsets_;
  Tensor column_indices_;
};
TORCH_MODULE(SparseLinear);

}  // namespace filigree::nn
