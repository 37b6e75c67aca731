#include "filigree/sparse/fp8_products.h"

#include "filigree/sparse/converted.h"

namespace filigree::sparse {
namespace {

constexpr auto kRowMajor = ActivationLayout::kRowMajor;
constexpr auto kTokenMajor = ActivationLayout::kTokenMajor;

}  // namespace

template <Float8 V, Float8 X>
void dsd(const BsrPattern& w, ConstPointer<V> values, ConstView<X> x, ConstPointer<BFloat16> bias,
         MatrixView<BFloat16> y, bool accumulate, dense::Activation activation, const Schedule& schedule) {
  check_view("dsd", "x", x, w.columns(), y.columns);
  check_view("dsd", "y", y, w.rows(), y.columns);
  if (y.columns == 0) return;
  const auto product = [&]<typename T>(const T* numbers, MatrixView<T> x_part, const T* biases,
                                       MatrixView<T> y_part) {
    dsd<T>(w, numbers, x_part, biases, y_part, accumulate, activation, schedule);
  };
  has_pair_kernel(w) ? multiply_converted<BFloat16>(kRowMajor, w, values, x, bias, y, accumulate, product)
                     : multiply_converted<float>(kRowMajor, w, values, x, bias, y, accumulate, product);
}

template <Float8 V, Float8 Dy>
void dsd_transposed(const BsrPattern& w, ConstPointer<V> values, ConstView<Dy> dy, MatrixView<BFloat16> dx,
                    bool accumulate, const Schedule& schedule) {
  check_view("dsd_transposed", "dy", dy, w.rows(), dx.columns);
  check_view("dsd_transposed", "dx", dx, w.columns(), dx.columns);
  if (dx.columns == 0) return;
  const BFloat16* const bias = nullptr;
  const auto product = [&]<typename T>(const T* numbers, MatrixView<T> dy_part, const T*,
                                       MatrixView<T> dx_part) {
    dsd_transposed<T>(w, numbers, dy_part, dx_part, accumulate, schedule);
  };
  has_pair_kernel(w) ? multiply_converted<BFloat16>(kRowMajor, w, values, dy, bias, dx, accumulate, product)
                     : multiply_converted<float>(kRowMajor, w, values, dy, bias, dx, accumulate, product);
}

template <Float8 Dy, Float8 X>
void sdd_row_major(ConstView<Dy> dy, ConstView<X> x, const BsrPattern& w, float* gradient, bool accumulate) {
  check_view("sdd_row_major", "dy", dy, w.rows(), x.columns);
  check_view("sdd_row_major", "x", x, w.columns(), x.columns);
  gradient_of_converted(kRowMajor, dy, x, w, gradient, accumulate,
                        [&](ConstView<float> dy_part, ConstView<float> x_part, float* sums, bool add) {
                          sdd_row_major<float>(dy_part, x_part, w, sums, add);
                        });
}

template <Float8 X, Float8 V>
void dds_transposed(ConstView<X> x, const BsrPattern& w, ConstPointer<V> values, ConstPointer<BFloat16> bias,
                    MatrixView<BFloat16> y, bool accumulate, dense::Activation activation,
                    const Schedule& schedule) {
  check_view("dds_transposed", "x", x, y.rows, w.columns());
  check_view("dds_transposed", "y", y, y.rows, w.rows());
  if (y.rows == 0) return;
  multiply_converted<float>(
      kTokenMajor, w, values, x, bias, y, accumulate,
      [&](const float* numbers, ConstView<float> x_part, const float* biases, MatrixView<float> y_part) {
        dds_transposed<float>(x_part, w, numbers, biases, y_part, accumulate, activation, schedule);
      });
}

template <Float8 Dy, Float8 V>
void dds(ConstView<Dy> dy, const BsrPattern& w, ConstPointer<V> values, MatrixView<BFloat16> dx,
         bool accumulate, const Schedule& schedule) {
  check_view("dds", "dy", dy, dx.rows, w.rows());
  check_view("dds", "dx", dx, dx.rows, w.columns());
  if (dx.rows == 0) return;
  const BFloat16* const bias = nullptr;
  multiply_converted<float>(
      kTokenMajor, w, values, dy, bias, dx, accumulate,
      [&](const float* numbers, ConstView<float> dy_part, const float*, MatrixView<float> dx_part) {
        dds<float>(dy_part, w, numbers, dx_part, accumulate, schedule);
      });
}

template <Float8 Dy, Float8 X>
void sdd(ConstView<Dy> dy, ConstView<X> x, const BsrPattern& w, float* gradient, bool accumulate) {
  check_view("sdd", "dy", dy, x.rows, w.rows());
  check_view("sdd", "x", x, x.rows, w.columns());
  gradient_of_converted(kTokenMajor, dy, x, w, gradient, accumulate,
                        [&](ConstView<float> dy_part, ConstView<float> x_part, float* sums, bool add) {
                          sdd<float>(dy_part, x_part, w, sums, add);
                        });
}

#define FILIGREE_FP8_PRODUCTS(A, B)                                                                         \
  template void dsd<A, B>(const BsrPattern&, const A*, ConstView<B>, const BFloat16*, MatrixView<BFloat16>, \
                          bool, dense::Activation, const Schedule&);                                        \
  template void dsd_transposed<A, B>(const BsrPattern&, const A*, ConstView<B>, MatrixView<BFloat16>, bool, \
                                     const Schedule&);                                                      \
  template void sdd_row_major<A, B>(ConstView<A>, ConstView<B>, const BsrPattern&, float*, bool);           \
  template void dds_transposed<A, B>(ConstView<A>, const BsrPattern&, const B*, const BFloat16*,            \
                                     MatrixView<BFloat16>, bool, dense::Activation, const Schedule&);       \
  template void dds<A, B>(ConstView<A>, const BsrPattern&, const B*, MatrixView<BFloat16>, bool,            \
                          const Schedule&);                                                                 \
  template void sdd<A, B>(ConstView<A>, ConstView<B>, const BsrPattern&, float*, bool)

FILIGREE_FP8_PRODUCTS(Float8E4M3, Float8E4M3);
FILIGREE_FP8_PRODUCTS(Float8E4M3, Float8E5M2);
FILIGREE_FP8_PRODUCTS(Float8E5M2, Float8E4M3);
FILIGREE_FP8_PRODUCTS(Float8E5M2, Float8E5M2);
#undef FILIGREE_FP8_PRODUCTS

}  // namespace filigree::sparse
