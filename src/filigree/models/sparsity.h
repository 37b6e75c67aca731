// What is sparse, and how a sparse matrix is kept.
#pragma once

#include <cstdint>

namespace filigree::models {

enum class Storage {
  kDense,   // every value
  kSparse,  // blocks only: what Filigree is for
  kMasked,  // every value, times a mask: the slow twin that must agree with kSparse to rounding
};

struct SparsityConfig {
  Storage storage = Storage::kDense;
  double density = 1;  // share of the blocks that are kept, in each matrix alike
  int block = 16;
};

}  // namespace filigree::models
