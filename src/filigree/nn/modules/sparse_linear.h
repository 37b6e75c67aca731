// A layer with block-sparse weights for models in C++, as torch::nn::Linear is one with dense weights.
#pragma once

#include "filigree/nn/torch.h"
//
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "filigree/nn/bsr_pattern.h"

namespace filigree::nn {

// y = x W^T + bias. x: [..., in], float or double, on the CPU; y: [..., out].
// values: [blocks, b, b] in the pattern's order, a parameter; so is bias ([out]), where there is one.
class SparseLinearImpl : public torch::nn::Module {
 public:
  // A pattern drawn uniformly at random, its blocks nearest to `density`, at least one; weights and bias
  // drawn uniformly on +-1 / sqrt(in * density), as torch::nn::Linear does for the inputs that an output has
  // on average. Errors: as sparse::BsrPattern::random.
  SparseLinearImpl(std::int64_t in, std::int64_t out, double density, std::int64_t block = 16,
                   bool with_bias = true, std::int64_t seed = 1);
  // Of given weights. bias: [out], or Tensor().
  SparseLinearImpl(BsrPatternRef pattern, const Tensor& values, const Tensor& bias);

  // The blocks of `weight` ([out, in]) with the largest sums of magnitudes. Errors: as bsr_from_dense.
  static std::shared_ptr<SparseLinearImpl> from_dense(const Tensor& weight, const Tensor& bias,
                                                      double density, std::int64_t block = 16);

  Tensor forward(const Tensor& x) const;
  // Moves to another pattern of the same shape and block: blocks that stay keep their values, new ones are
  // zero. `values` keeps its identity as a parameter; an optimiser's state is the caller's to move
  // (bsr_move).
  void set_pattern(BsrPatternRef pattern);
  const BsrPatternRef& pattern() const { return pattern_; }

  void pretty_print(std::ostream& stream) const override;

  Tensor values;
  Tensor bias;

 private:
  BsrPatternRef pattern_;
};
TORCH_MODULE(SparseLinear);

}  // namespace filigree::nn
