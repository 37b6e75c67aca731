#include "filigree/sparse/products.h"

#include "filigree/base/error.h"
#include "filigree/sparse/reference.h"

namespace filigree::sparse {
namespace {

template <typename T>
void check_view(const char* product, const char* name, const MatrixView<T>& view, std::int64_t rows,
                std::int64_t columns) {
  if (view.rows != rows || view.columns != columns || view.stride < columns) {
    fail_usage("{}: {} is {} x {} with a row stride of {}; it must be {} x {} with a stride of at least {}",
               product, name, view.rows, view.columns, view.stride, rows, columns, columns);
  }
}

}  // namespace

template <typename T>
void dds_transposed(ConstView<T> x, const BsrPattern& w, ConstPointer<T> values, ConstPointer<T> bias,
                    MatrixView<T> y, bool accumulate) {
  check_view("dds_transposed", "x", x, y.rows, w.columns());
  check_view("dds_transposed", "y", y, y.rows, w.rows());
  reference::dds_transposed<T>(x, w, values, bias, y, accumulate);
}

template <typename T>
void dds(ConstView<T> dy, const BsrPattern& w, ConstPointer<T> values, MatrixView<T> dx, bool accumulate) {
  check_view("dds", "dy", dy, dx.rows, w.rows());
  check_view("dds", "dx", dx, dx.rows, w.columns());
  reference::dds<T>(dy, w, values, dx, accumulate);
}

template <typename T>
void sdd(ConstView<T> dy, ConstView<T> x, const BsrPattern& w, T* gradient, bool accumulate) {
  check_view("sdd", "dy", dy, x.rows, w.rows());
  check_view("sdd", "x", x, x.rows, w.columns());
  reference::sdd<T>(dy, x, w, gradient, accumulate);
}

template void dds_transposed<float>(ConstView<float>, const BsrPattern&, const float*, const float*,
                                    MatrixView<float>, bool);
template void dds_transposed<double>(ConstView<double>, const BsrPattern&, const double*, const double*,
                                     MatrixView<double>, bool);
template void dds<float>(ConstView<float>, const BsrPattern&, const float*, MatrixView<float>, bool);
template void dds<double>(ConstView<double>, const BsrPattern&, const double*, MatrixView<double>, bool);
template void sdd<float>(ConstView<float>, ConstView<float>, const BsrPattern&, float*, bool);
template void sdd<double>(ConstView<double>, ConstView<double>, const BsrPattern&, double*, bool);

}  // namespace filigree::sparse
