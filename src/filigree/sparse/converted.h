// Products of operands in formats that have no kernel: they are converted on the way, some samples at a
// time, and results are rounded once. Not for users.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "filigree/base/isa.h"
#include "filigree/base/parallel.h"
#include "filigree/numerics/cast.h"
#include "filigree/numerics/matrix_view.h"
#include "filigree/sparse/product.h"
#include "filigree/sparse/product_parts.h"
#include "filigree/sparse/products.h"

namespace filigree::sparse {

// Whether dsd and dsd_transposed have a kernel for pairs of BF16 as they are stored.
inline bool has_pair_kernel(const BsrPattern& w) {
  return w.block().square() && w.block() != 1 && chosen_isa() == Isa::kAvx512Bf16;
}

// Features and samples of activations, whichever are the rows.
struct Activations {
  ActivationLayout layout;

  template <typename T>
  std::int64_t features(MatrixView<T> view) const {
    return layout == ActivationLayout::kRowMajor ? view.rows : view.columns;
  }
  template <typename T>
  std::int64_t samples(MatrixView<T> view) const {
    return layout == ActivationLayout::kRowMajor ? view.columns : view.rows;
  }
  // `count` samples from `first` on.
  template <typename T>
  MatrixView<T> part(MatrixView<T> view, std::int64_t first, std::int64_t count) const {
    return layout == ActivationLayout::kRowMajor
               ? MatrixView<T>(view.data + first, view.rows, count, view.stride)
               : MatrixView<T>(view.data + first * view.stride, count, view.columns, view.stride);
  }
  // Of memory without gaps.
  template <typename T>
  MatrixView<T> view(T* data, std::int64_t features, std::int64_t samples) const {
    return layout == ActivationLayout::kRowMajor ? MatrixView<T>(data, features, samples)
                                                 : MatrixView<T>(data, samples, features);
  }
};

template <typename From, typename To>
void cast_rows(MatrixView<From> from, MatrixView<To> to) {
  constexpr std::int64_t kValuesPerTask = 1 << 13;
  const std::int64_t rows_per_task =
      kValuesPerTask / std::clamp<std::int64_t>(from.columns, 1, kValuesPerTask);
  parallel_chunks(from.rows, rows_per_task, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) cast(from.row(r), from.columns, to.row(r));
  });
}

template <typename From, typename To>
void cast_values(const From* from, std::int64_t count, To* to) {
  constexpr std::int64_t kValuesPerTask = 1 << 14;
  parallel_chunks(count, kValuesPerTask,
                  [&](std::int64_t begin, std::int64_t end) { cast(from + begin, end - begin, to + begin); });
}

// y = w x or the like by product(values, x, bias, y) on operands of type To, to which all are converted; y
// too, unless it has that type. bias may be nullptr.
template <typename To, typename V, typename X, typename Y, class Product>
void multiply_converted(ActivationLayout layout, const BsrPattern& w, const V* values, MatrixView<const X> x,
                        const Y* bias, MatrixView<Y> y, bool accumulate, const Product& product) {
  constexpr bool kSameResult = std::is_same_v<Y, To>;
  const Activations activations{layout};
  const std::int64_t samples = activations.samples(y);
  if (samples == 0) return;
  const std::int64_t inputs = activations.features(x);
  const std::int64_t outputs = activations.features(y);
  // Products that run on pairs put weights in order in each call: fewer calls.
  constexpr std::int64_t kPanels = kSameResult ? 4 : 1;
  const std::int64_t room = kPanels * kernels::kPanelColumns * thread_count();
  // Parts of like size, in whole vectors: few columns left over would be summed in another order than many.
  constexpr std::int64_t kStep = kernels::kColumnStep;
  const std::int64_t steps = (samples + kStep - 1) / kStep;
  const std::int64_t parts = (steps * kStep + room - 1) / room;
  const std::int64_t most = (steps + parts - 1) / parts * kStep;
  To* const numbers = scratch<Scratch::kConvertedValues, To>(w.value_capacity() + outputs);
  cast_values(values, w.value_count(), numbers);
  const To* biases = nullptr;
  if constexpr (kSameResult) {
    biases = bias;
  } else if (bias != nullptr) {
    cast(bias, outputs, numbers + w.value_capacity());
    biases = numbers + w.value_capacity();
  }
  To* const copy = scratch<Scratch::kConvertedActivations, To>((inputs + (kSameResult ? 0 : outputs)) * most);
  for (std::int64_t part = 0; part < parts; ++part) {
    const std::int64_t first = steps * part / parts * kStep;
    const std::int64_t count = std::min(samples, steps * (part + 1) / parts * kStep) - first;
    const MatrixView<To> x_copy = activations.view(copy, inputs, count);
    const MatrixView<Y> y_part = activations.part(y, first, count);
    cast_rows(activations.part(x, first, count), x_copy);
    if constexpr (kSameResult) {
      product(numbers, x_copy, biases, y_part);
    } else {
      const MatrixView<To> y_copy = activations.view(copy + inputs * count, outputs, count);
      if (accumulate) cast_rows(y_part, y_copy);
      product(numbers, x_copy, biases, y_copy);
      cast_rows(y_copy, y_part);
    }
  }
}

// The gradient of weights by product(dy, x, sums, accumulate) on floats.
template <typename Dy, typename X, typename G, class Product>
void gradient_of_converted(ActivationLayout layout, MatrixView<const Dy> dy, MatrixView<const X> x,
                           const BsrPattern& w, G* gradient, bool accumulate, const Product& product) {
  // Not by the number of threads, because the order of sums depends on it; whole chunks of the kernels.
  constexpr std::int64_t kSamples = 512;
  const Activations activations{layout};
  const std::int64_t samples = activations.samples(x);
  const std::int64_t inputs = activations.features(x);
  const std::int64_t outputs = activations.features(dy);
  float* sums = nullptr;
  if constexpr (std::is_same_v<G, float>) {
    sums = gradient;
  } else {
    sums = scratch<Scratch::kConvertedValues, float>(w.value_capacity());
    if (accumulate) cast_values(gradient, w.value_count(), sums);
  }
  auto* const copy =
      scratch<Scratch::kConvertedActivations, float>((inputs + outputs) * std::min(kSamples, samples));
  // Of no sample the sum is zero.
  std::int64_t first = 0;
  do {
    const std::int64_t count = std::min(kSamples, samples - first);
    const MatrixView<float> dy_copy = activations.view(copy, outputs, count);
    const MatrixView<float> x_copy = activations.view(copy + outputs * count, inputs, count);
    cast_rows(activations.part(dy, first, count), dy_copy);
    cast_rows(activations.part(x, first, count), x_copy);
    product(dy_copy, x_copy, sums, accumulate || first > 0);
    first += kSamples;
  } while (first < samples);
  if constexpr (!std::is_same_v<G, float>) cast_values(sums, w.value_count(), gradient);
}

}  // namespace filigree::sparse
