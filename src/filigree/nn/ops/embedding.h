// BERT's input embedding, and the choice of rows to predict (dense/embedding.h).
#pragma once

#include "filigree/nn/torch.h"

namespace filigree::nn {

// words[ids] + positions[t mod sequence] + types[type_ids]. ids, type_ids: [tokens] int32 (type_ids
// none: all of type 0); tables: [any, hidden]. Gives [tokens, hidden]. float or double.
Tensor embed(const Tensor& ids, const OptionalTensor& type_ids, const Tensor& words, const Tensor& positions,
             const Tensor& types, std::int64_t sequence);

// x[rows]. x: [any, columns]; rows: [count] int64.
Tensor gather_rows(const Tensor& x, const Tensor& rows);

}  // namespace filigree::nn
