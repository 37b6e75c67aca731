// Block-sparse matrices from dense, masked, COO, CSR and CSC ones, and back. T is float or double.
#pragma once

#include <cstdint>
#include <vector>

#include "filigree/numerics/matrix_view.h"
#include "filigree/sparse/matrix.h"

namespace filigree::sparse {

// What a conversion does about elements that are not in rising order, or there twice.
enum class Canonical {
  kRequire,  // refuses both
  kSort,     // puts them in order, refuses what is there twice
  kSum,      // puts them in order, adds up what is there more than once
};

// Blocks that hold an element; the places of a block without one are 0.
// Errors (usage): a block or a size that BsrPattern refuses. Errors (bad
// data), with the element's place: an index out of range, an order that `canonical` refuses, a value that is
// not finite, offsets that do not fit (CSR, CSC).
template <typename T>
BsrMatrix<T> bsr_from_coo(const CooMatrix<T>& matrix, BlockShape block,
                          Canonical canonical = Canonical::kRequire);
template <typename T>
BsrMatrix<T> bsr_from_csr(const CsrMatrix<T>& matrix, BlockShape block,
                          Canonical canonical = Canonical::kRequire);
template <typename T>
BsrMatrix<T> bsr_from_csc(const CscMatrix<T>& matrix, BlockShape block,
                          Canonical canonical = Canonical::kRequire);

// Blocks that hold anything but 0. Errors: as above.
template <typename T>
BsrMatrix<T> bsr_from_dense(MatrixView<const T> matrix, BlockShape block);

// The blocks of the largest sum of magnitudes: the number of blocks nearest to `density`, at least one. Of
// equal sums the first in row order. Errors: as above; (usage) a density outside (0, 1].
template <typename T>
BsrMatrix<T> bsr_from_dense(MatrixView<const T> matrix, BlockShape block, double density);

// Blocks in which the mask (0: no element) has an element; the values of others are 0.
// Errors: as above; (usage) a mask of another shape.
template <typename T>
BsrMatrix<T> bsr_from_mask(MatrixView<const T> matrix, MatrixView<const std::uint8_t> mask, BlockShape block);

// Zeros within blocks are elements like others, or left out.
enum class StoredZeros { kKeep, kDrop };

// Elements in rising order.
template <typename T>
CooMatrix<T> to_coo(const BsrMatrix<T>& matrix, StoredZeros zeros = StoredZeros::kKeep);
template <typename T>
CsrMatrix<T> to_csr(const BsrMatrix<T>& matrix, StoredZeros zeros = StoredZeros::kKeep);
template <typename T>
CscMatrix<T> to_csc(const BsrMatrix<T>& matrix, StoredZeros zeros = StoredZeros::kKeep);
// Row-major, rows x columns.
template <typename T>
std::vector<T> to_dense(const BsrMatrix<T>& matrix);

}  // namespace filigree::sparse
