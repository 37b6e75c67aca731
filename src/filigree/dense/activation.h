// Activation functions, in place, as parts of other ops.
#pragma once

#include <cstdint>
#include <string_view>

namespace filigree::dense {

// relu(x) = max(x, 0); gelu(x) = x Phi(x), exact (Hendrycks and Gimpel 2016, arXiv 1606.08415); silu(x) = x /
// (1 + exp(-x)) (Elfwing et al. 2017, arXiv 1702.03118).
enum class Activation { kNone, kRelu, kGelu, kSilu };

struct ActivationName {
  Activation activation;
  std::string_view name;
};
inline constexpr ActivationName kActivations[] = {{Activation::kNone, "none"},
                                                  {Activation::kRelu, "relu"},
                                                  {Activation::kGelu, "gelu"},
                                                  {Activation::kSilu, "silu"}};

// x[0..n) <- activation(x), on the calling thread. NaN stays NaN. T: float on the instruction set in use,
// double.
template <typename T>
using ActivationKernel = void (*)(T* x, std::int64_t n);

// nullptr for kNone.
template <typename T>
ActivationKernel<T> activation_kernel(Activation activation);

}  // namespace filigree::dense
