// LibTorch's headers that nn and models use, and the few places where 1.13 and 2.x differ. This is
// also the precompiled header of both modules: include it first.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/grad_mode.h>
#include <torch/custom_class.h>
#include <torch/library.h>
#include <torch/version.h>

namespace filigree::nn {

using at::Tensor;
// std::optional<Tensor> in the signature of an op does not compile before 2.x.
#if TORCH_VERSION_MAJOR >= 2
using OptionalTensor = std::optional<Tensor>;
#else
using OptionalTensor = c10::optional<Tensor>;
#endif
using torch::autograd::variable_list;

}  // namespace filigree::nn
