// BERT's input embedding, and the choice of rows to predict (dense/embedding.h).
#pragma once

#include "filigree/nn/factors.h"

namespace filigree::nn {

// words[ids] + positions[t mod sequence] + types[type_ids]. ids, type_ids: [tokens] int32 (type_ids
// none: all of type 0); tables: [any, hidden]. Gives [tokens, hidden]. float or double. `factors`: output,
// words, positions, types.
Tensor embed(const Tensor& ids, const OptionalTensor& type_ids, const Tensor& words, const Tensor& positions,
             const Tensor& types, std::int64_t sequence, FactorList factors = {});

// x[rows]. x: [any, columns]; rows: [count] int64.
Tensor gather_rows(const Tensor& x, const Tensor& rows);

// The parts without autograd, as registered with LibTorch. The backwards give whole gradients of tables with
// that many rows.
Tensor embed_forward(const Tensor& ids, const OptionalTensor& type_ids, const Tensor& words,
                     const Tensor& positions, const Tensor& types, std::int64_t sequence,
                     FactorList factors = {});
std::tuple<Tensor, Tensor, Tensor> embed_backward(const Tensor& grad, const Tensor& ids,
                                                  const OptionalTensor& type_ids, std::int64_t sequence,
                                                  std::int64_t words, std::int64_t positions,
                                                  std::int64_t types, FactorList factors = {});
Tensor gather_rows_forward(const Tensor& x, const Tensor& rows);
Tensor gather_rows_backward(const Tensor& grad, const Tensor& rows, std::int64_t x_rows);

}  // namespace filigree::nn
