// The primitive of unit scaling: the identity with one multiplier forward and another backward.
#pragma once

#include "filigree/nn/torch.h"

namespace filigree::nn {

// forward * x, whose gradient is `backward` times what comes in. Any shape; float or double. For
// compositions; our own ops take their factors along on the way.
Tensor scale(const Tensor& x, double forward, double backward);

}  // namespace filigree::nn
