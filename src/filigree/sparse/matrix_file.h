// Sparse matrices in files: MatrixMarket's coordinate format (Boisvert, Pozo, Remington, NISTIR 5935, 1996)
// and .smtx, the patterns of the Deep Learning Matrix Collection (Gale et al. 2020, arXiv 2006.10901): three
// lines of "rows, columns, elements", row offsets and column indices, without values.
#pragma once

#include <filesystem>

#include "filigree/sparse/matrix.h"

namespace filigree::sparse {

// Elements in the file's order; those that a symmetric or skew-symmetric matrix implies follow theirs; a
// pattern's values are 1.
// Errors (bad data), with file and line: a header, number or count that is wrong, an index out of range, a
// value that is not finite, formats other than real, integer or pattern coordinates.
CooMatrix<double> read_matrix_market(const std::filesystem::path& path);
// 17 significant digits: reading gives the same values.
void write_matrix_market(const std::filesystem::path& path, const CooMatrix<double>& matrix);

// Values are 1. Errors (bad data), with file and line: as above; offsets that fall or do not end at the
// number of elements.
CsrMatrix<double> read_smtx(const std::filesystem::path& path);
void write_smtx(const std::filesystem::path& path, const CsrMatrix<double>& matrix);

}  // namespace filigree::sparse
