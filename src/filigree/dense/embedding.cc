#include "filigree/dense/embedding.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/parallel.h"
#include "filigree/dense/column_sum.h"

namespace filigree::dense {
namespace {

constexpr std::int64_t kRowsPerTask = 32;

template <typename Index>
void check_indices(std::span<const Index> ids, std::int64_t rows, const char* what) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= rows) {
      fail_usage("embedding: {} {} at place {} is not a row of a table of {}", what, ids[i], i, rows);
    }
  }
}

template <typename T>
void check_tokens(std::span<const std::int32_t> ids, std::span<const std::int32_t> type_ids,
                  std::int64_t sequence, const MatrixView<T>& words, const MatrixView<T>& positions,
                  const MatrixView<T>& types) {
  check_indices(ids, words.rows, "word");
  check_indices(type_ids, types.rows, "segment type");
  if (!type_ids.empty() && type_ids.size() != ids.size()) {
    fail_usage("embedding: {} segment types for {} tokens", type_ids.size(), ids.size());
  }
  if (type_ids.empty() && types.rows == 0) fail_usage("embedding: the table of segment types is empty");
  if (sequence < 1 || sequence > positions.rows) {
    fail_usage("embedding: sequences of {} need as many positions; the table has {}", sequence,
               positions.rows);
  }
}

template <typename T>
void add_row(const T* from, T* to, std::int64_t n) {
  for (std::int64_t c = 0; c < n; ++c) to[c] += from[c];
}

// The tokens of each table row, as in compressed sparse rows: offsets and token numbers, rising.
struct TokensByRow {
  template <typename Index>
  TokensByRow(std::span<const Index> ids, std::int64_t rows)
      : offsets(static_cast<std::size_t>(rows) + 1, 0), tokens(ids.size()) {
    for (const Index id : ids) ++offsets[static_cast<std::size_t>(id) + 1];
    std::partial_sum(offsets.begin(), offsets.end(), offsets.begin());
    std::vector<std::int64_t> next(offsets.begin(), offsets.end() - 1);
    for (std::size_t t = 0; t < ids.size(); ++t) {
      tokens[static_cast<std::size_t>(next[static_cast<std::size_t>(ids[t])]++)] =
          static_cast<std::int64_t>(t);
    }
  }
  std::vector<std::int64_t> offsets;
  std::vector<std::int64_t> tokens;
};

template <typename T>
void scale_row(T* row, std::int64_t n, T factor) {
  if (factor == T(1)) return;
  for (std::int64_t c = 0; c < n; ++c) row[c] *= factor;
}

// to[r] = factor * the sum of from[t] over the tokens t of row r.
template <typename T, typename Index>
void scatter(MatrixView<const T> from, std::span<const Index> ids, MatrixView<T> to, T factor) {
  const TokensByRow by_row(ids, to.rows);
  parallel_chunks(to.rows, 4 * kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      T* row = to.row(r);
      std::fill(row, row + to.columns, T(0));
      for (std::int64_t i = by_row.offsets[static_cast<std::size_t>(r)];
           i < by_row.offsets[static_cast<std::size_t>(r) + 1]; ++i) {
        add_row(from.row(by_row.tokens[static_cast<std::size_t>(i)]), row, to.columns);
      }
      scale_row(row, to.columns, factor);
    }
  });
}

}  // namespace

template <typename T>
void embed(std::span<const std::int32_t> ids, std::span<const std::int32_t> type_ids, std::int64_t sequence,
           MatrixView<const T> words, MatrixView<const T> positions, MatrixView<const T> types,
           MatrixView<T> out, std::type_identity_t<T> factor) {
  check_tokens(ids, type_ids, sequence, words, positions, types);
  parallel_chunks(static_cast<std::int64_t>(ids.size()), kRowsPerTask,
                  [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t t = begin; t < end; ++t) {
                      const auto token = static_cast<std::size_t>(t);
                      const T* word = words.row(ids[token]);
                      const T* position = positions.row(t % sequence);
                      const T* type = types.row(type_ids.empty() ? 0 : type_ids[token]);
                      T* row = out.row(t);
                      for (std::int64_t c = 0; c < out.columns; ++c) {
                        row[c] = factor * (word[c] + position[c] + type[c]);
                      }
                    }
                  });
}

template <typename T>
void embed_backward(std::span<const std::int32_t> ids, std::span<const std::int32_t> type_ids,
                    std::int64_t sequence, MatrixView<const T> dout, MatrixView<T> dwords,
                    MatrixView<T> dpositions, MatrixView<T> dtypes, const EmbeddingFactors& factors) {
  check_tokens(ids, type_ids, sequence, dwords, dpositions, dtypes);
  scatter(dout, ids, dwords, static_cast<T>(factors.words));
  const auto tokens = static_cast<std::int64_t>(ids.size());
  parallel_chunks(dpositions.rows, kRowsPerTask / 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      T* row = dpositions.row(p);
      std::fill(row, row + dpositions.columns, T(0));
      if (p >= sequence) continue;  // a longer table than sequence
      for (std::int64_t t = p; t < tokens; t += sequence) add_row(dout.row(t), row, dout.columns);
      scale_row(row, dout.columns, static_cast<T>(factors.positions));
    }
  });
  // A handful of types share all tokens: sums over chunks of tokens, then over chunks.
  const std::int64_t n = dout.columns;
  AlignedVector<T> sums(static_cast<std::size_t>(dtypes.rows * n));
  for_rows_with_sums(
      tokens, dtypes.rows * n, sums.data(), [&](std::int64_t begin, std::int64_t end, T* partial) {
        for (std::int64_t t = begin; t < end; ++t) {
          const std::int64_t type = type_ids.empty() ? 0 : type_ids[static_cast<std::size_t>(t)];
          add_row(dout.row(t), partial + type * n, n);
        }
      });
  for (std::int64_t r = 0; r < dtypes.rows; ++r) {
    std::copy_n(sums.data() + r * n, n, dtypes.row(r));
    scale_row(dtypes.row(r), n, static_cast<T>(factors.types));
  }
}

template <typename T>
void gather_rows(MatrixView<const T> x, std::span<const std::int64_t> rows, MatrixView<T> out) {
  check_indices(rows, x.rows, "row");
  parallel_chunks(static_cast<std::int64_t>(rows.size()), kRowsPerTask,
                  [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t i = begin; i < end; ++i) {
                      std::copy_n(x.row(rows[static_cast<std::size_t>(i)]), x.columns, out.row(i));
                    }
                  });
}

template <typename T>
void gather_rows_backward(MatrixView<const T> dout, std::span<const std::int64_t> rows, MatrixView<T> dx) {
  check_indices(rows, dx.rows, "row");
  scatter(dout, rows, dx, T(1));
}

template void embed(std::span<const std::int32_t>, std::span<const std::int32_t>, std::int64_t,
                    MatrixView<const float>, MatrixView<const float>, MatrixView<const float>,
                    MatrixView<float>, float);
template void embed(std::span<const std::int32_t>, std::span<const std::int32_t>, std::int64_t,
                    MatrixView<const double>, MatrixView<const double>, MatrixView<const double>,
                    MatrixView<double>, double);
template void embed_backward(std::span<const std::int32_t>, std::span<const std::int32_t>, std::int64_t,
                             MatrixView<const float>, MatrixView<float>, MatrixView<float>, MatrixView<float>,
                             const EmbeddingFactors&);
template void embed_backward(std::span<const std::int32_t>, std::span<const std::int32_t>, std::int64_t,
                             MatrixView<const double>, MatrixView<double>, MatrixView<double>,
                             MatrixView<double>, const EmbeddingFactors&);
template void gather_rows(MatrixView<const float>, std::span<const std::int64_t>, MatrixView<float>);
template void gather_rows(MatrixView<const double>, std::span<const std::int64_t>, MatrixView<double>);
template void gather_rows_backward(MatrixView<const float>, std::span<const std::int64_t>, MatrixView<float>);
template void gather_rows_backward(MatrixView<const double>, std::span<const std::int64_t>,
                                   MatrixView<double>);

}  // namespace filigree::dense
