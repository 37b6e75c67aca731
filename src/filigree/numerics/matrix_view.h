// A strided view of a row-major matrix: the currency of kernels that know nothing of tensors.
#pragma once

#include <cstdint>
#include <type_traits>

namespace filigree {

// rows x columns elements; row r starts at data + r * stride. stride >= columns.
template <typename T>
struct MatrixView {
  T* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t stride = 0;

  MatrixView() = default;
  MatrixView(T* data, std::int64_t rows, std::int64_t columns) : MatrixView(data, rows, columns, columns) {}
  MatrixView(T* data, std::int64_t rows, std::int64_t columns, std::int64_t stride)
      : data(data), rows(rows), columns(columns), stride(stride) {}
  // A view of mutable elements serves where constant ones are wanted.
  template <typename U>
  MatrixView(const MatrixView<U>& other)  // NOLINT(google-explicit-constructor)
      requires std::is_same_v<const U, T> : MatrixView(other.data, other.rows, other.columns, other.stride) {}

  T* row(std::int64_t r) const { return data + r * stride; }
  T& operator()(std::int64_t r, std::int64_t c) const { return data[r * stride + c]; }
};

}  // namespace filigree
