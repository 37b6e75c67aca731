// The products of products.h and dsd.h on operands stored in FP8 (numerics/float8.h): weights, activations
// and their gradients, each in E4M3 or E5M2. Bias and results are BFloat16, gradients of weights FP32. Each
// operand is a BFloat16 exactly: results are those of the same products of BFloat16, and so are shapes and
// errors.
//
// Training stores weights and activations in E4M3 and gradients of activations in E5M2 (Micikevicius et al.
// 2022, arXiv 2209.05433), and keeps in FP32 the weights that gradients are for.
#pragma once

#include <concepts>
#include <type_traits>

#include "filigree/numerics/bfloat16.h"
#include "filigree/numerics/float8.h"
#include "filigree/sparse/dsd.h"
#include "filigree/sparse/products.h"

namespace filigree::sparse {

// What biases and results of products of T are stored in.
template <typename T>
using ResultOf = std::conditional_t<Float8<T>, BFloat16, T>;
// And gradients of weights; those of 16 bits in FP32, too.
template <typename T>
using GradientOf = std::conditional_t<Float8<T>, float, T>;
template <typename T>
using WideGradientOf = std::conditional_t<Half<T>, float, GradientOf<T>>;
template <typename G, typename T>
concept StoresGradientOf = std::same_as<G, GradientOf<T>> || std::same_as<G, WideGradientOf<T>>;

template <Float8 V, Float8 X = V>
void dsd(const BsrPattern& w, ConstPointer<V> values, ConstView<X> x, ConstPointer<BFloat16> bias,
         MatrixView<BFloat16> y, bool accumulate = false,
         dense::Activation activation = dense::Activation::kNone, const Schedule& schedule = {});

template <Float8 V, Float8 Dy = V>
void dsd_transposed(const BsrPattern& w, ConstPointer<V> values, ConstView<Dy> dy, MatrixView<BFloat16> dx,
                    bool accumulate = false, const Schedule& schedule = {});

template <Float8 Dy, Float8 X = Dy>
void sdd_row_major(ConstView<Dy> dy, ConstView<X> x, const BsrPattern& w, float* gradient,
                   bool accumulate = false);

template <Float8 X, Float8 V = X>
void dds_transposed(ConstView<X> x, const BsrPattern& w, ConstPointer<V> values, ConstPointer<BFloat16> bias,
                    MatrixView<BFloat16> y, bool accumulate = false,
                    dense::Activation activation = dense::Activation::kNone, const Schedule& schedule = {});

template <Float8 Dy, Float8 V = Dy>
void dds(ConstView<Dy> dy, const BsrPattern& w, ConstPointer<V> values, MatrixView<BFloat16> dx,
         bool accumulate = false, const Schedule& schedule = {});

template <Float8 Dy, Float8 X = Dy>
void sdd(ConstView<Dy> dy, ConstView<X> x, const BsrPattern& w, float* gradient, bool accumulate = false);

}  // namespace filigree::sparse
