// A weight matrix of the encoder: dense, block-sparse, or the masked twin of a block-sparse one.
#pragma once

#include "filigree/models/parameter.h"
//
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "filigree/models/initialise.h"
#include "filigree/models/sparsity.h"
#include "filigree/nn/bsr_pattern.h"
#include "filigree/nn/factors.h"
#include "filigree/nn/precision.h"
#include "filigree/sparse/bsr_pattern.h"

namespace filigree::models {

// y = x W^T + bias for one or several matrices of the same shape stacked on the output side (q, k and
// v): one product, but each part has its own name, its own number of blocks and its own pattern.
class EncoderMatrix {
 public:
  using Pattern = std::shared_ptr<const sparse::BsrPattern>;
  // What a part's name ends in where its values are stored sparse.
  static constexpr std::string_view kValues = ".values";

  // Parts of out x in. `first_index` numbers the parts within the model: it names their random streams.
  // The values' parameter is added to `parameters`. Without a seed there are no patterns and the parameter is
  // a shape without memory: for a checkpoint to fill (parameter() and set_patterns()).
  // Errors (usage): the block does not divide the shape; a density that is not in (0, 1].
  EncoderMatrix(std::vector<std::string> names, std::int64_t out, std::int64_t in,
                const SparsityConfig& sparsity, Initialiser initialiser, std::optional<std::uint64_t> seed,
                std::uint64_t first_index, ParameterList& parameters);

  // x: [tokens, in]; bias: [parts * out] or none. `factors`: those of nn::linear.
  Tensor apply(const Tensor& x, const OptionalTensor& bias, nn::FactorList factors = {},
               nn::Precision precision = nn::Precision::kFp32) const;

  // After the backward pass: zeroes what the mask hides. Nothing to do for other storages.
  void mask_gradient() const;

  std::int64_t out() const { return out_; }
  std::int64_t in() const { return in_; }
  int block() const { return sparsity_.block; }
  std::size_t part_count() const { return names_.size(); }
  const std::string& part_name(std::size_t part) const { return names_[part]; }
  bool has_patterns() const { return sparsity_.storage != Storage::kDense; }
  std::int64_t block_count() const { return block_count_; }  // of each part; 0 where dense
  // Of the parts; empty where dense.
  std::span<const Pattern> patterns() const { return patterns_; }
  Parameter& parameter() const { return *parameter_; }
  // Where the values of a part's block begin in the parameter, and the distance between the block's rows.
  struct BlockPlace {
    std::int64_t offset;
    std::int64_t row_stride;
  };
  BlockPlace block_place(std::size_t part, std::int64_t block_row, std::int64_t block_column,
                         std::int64_t position) const;

  // Where storage is masked: the first part of `values` (of the parameter's shape) with an element that is
  // hidden by the mask and not zero. Nothing for other storages.
  std::optional<std::size_t> first_part_beyond_mask(const Tensor& values) const;

  // Replaces the patterns (same shapes and numbers of blocks). The values, moments and their order are the
  // caller's business.
  void set_patterns(std::vector<Pattern> patterns);

 private:
  void draw(Initialiser initialiser, std::uint64_t seed, std::uint64_t first_index);
  void fill_mask();
  std::int64_t values_before(std::size_t part) const;

  std::vector<std::string> names_;
  std::int64_t out_;
  std::int64_t in_;
  SparsityConfig sparsity_;
  std::int64_t block_count_ = 0;
  std::vector<Pattern> patterns_;
  nn::BsrPatternRef stacked_;
  Tensor mask_;
  Parameter* parameter_ = nullptr;
};

}  // namespace filigree::models
