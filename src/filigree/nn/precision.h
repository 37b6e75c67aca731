// How many bits the operands of products have in training. Everything else (norms, activations, sums, master
// weights, the optimiser) is FP32, and products are summed in FP32.
#pragma once

#include <string>
#include <string_view>

#include "filigree/base/error.h"

namespace filigree::nn {

enum class Precision {
  kFp32,
  kBf16,
  kFp16,
  kFp8,  // values and weights in E4M3, incoming gradients in E5M2 (Micikevicius et al. 2022)
};

struct PrecisionName {
  Precision precision;
  std::string_view name;  // as on the command line
};
inline constexpr PrecisionName kPrecisions[] = {{Precision::kFp32, "fp32"},
                                                {Precision::kBf16, "bf16"},
                                                {Precision::kFp16, "fp16"},
                                                {Precision::kFp8, "fp8"}};

// Errors (usage): no such name; the message lists them.
inline Precision parse_precision(std::string_view name) {
  std::string known;
  for (const PrecisionName& entry : kPrecisions) {
    if (entry.name == name) return entry.precision;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", entry.name);
  }
  fail_usage("no precision is named '{}': choose one of {}", name, known);
}

}  // namespace filigree::nn
