// A trained tensor, its Adam moments, and the names under which a checkpoint knows its pieces.
#pragma once

#include "filigree/nn/torch.h"
//
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace filigree::models {

using nn::OptionalTensor;
using nn::Tensor;

// A contiguous piece of a parameter: q, k and v lie in one tensor, but have a name each.
struct ParameterPart {
  std::string name;
  std::int64_t offset;  // elements
  std::vector<std::int64_t> shape;

  std::int64_t count() const {
    std::int64_t product = 1;
    for (const std::int64_t size : shape) product *= size;
    return product;
  }
};

struct Parameter {
  Tensor value;        // float, contiguous, a leaf that requires its gradient
  bool decay = false;  // weight decay applies: matrices yes; biases and norms no
  // In a unit-scaled model: what its gradient is multiplied by beside the model's true one by the parameter
  // as the unscaled model would hold it, and what its learning rate is.
  double gradient_factor = 1;
  double learning_rate_factor = 1;
  std::vector<ParameterPart> parts;
  Tensor first_moment;  // of value's shape, zero at the start; undefined where there is no training
  Tensor second_moment;

  // The name of the part that holds element `index`, for messages.
  const std::string& part_name(std::int64_t index) const;
};

// Parameters in a fixed order. Addresses stay valid.
class ParameterList {
 public:
  // A value on the meta device is a shape without memory, for a checkpoint to fill; it gets no moments.
  Parameter& add(Tensor value, bool decay, std::vector<ParameterPart> parts) {
    auto parameter = std::make_unique<Parameter>();
    parameter->value = std::move(value);
    parameter->value.requires_grad_(true);
    parameter->decay = decay;
    parameter->parts = std::move(parts);
    if (!parameter->value.is_meta()) {
      parameter->first_moment = at::zeros_like(parameter->value, at::MemoryFormat::Contiguous);
      parameter->second_moment = at::zeros_like(parameter->value, at::MemoryFormat::Contiguous);
    }
    items_.push_back(std::move(parameter));
    return *items_.back();
  }

  std::int64_t element_count() const {
    std::int64_t total = 0;
    for (const auto& item : items_) total += item->value.numel();
    return total;
  }

  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }
  std::size_t size() const { return items_.size(); }
  Parameter& operator[](std::size_t i) const { return *items_[i]; }

 private:
  std::vector<std::unique_ptr<Parameter>> items_;
};

// Errors (failed): a value or a moment is NaN or infinite; the message names the tensor and `step`.
void check_finite(const ParameterList& parameters, std::int64_t step);

}  // namespace filigree::models
