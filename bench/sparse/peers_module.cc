// What bench/sparse/peers.py calls through ctypes: Filigree's product, and copies around peers that want
// activations in panels. X is [k][n] and Y [m][n], row-major, FP32.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "filigree/base/isa.h"
#include "filigree/base/parallel.h"
#include "filigree/sparse/plan.h"

namespace {

using filigree::MatrixView;
using filigree::sparse::BsrPattern;
using filigree::sparse::Plan;

// The argument of a kernel of LIBXSMM 2, as its documentation has it: of each matrix six pointers, behind
// four of the operation's.
struct XsmmArguments {
  void* operation[4];
  void* a[6];
  void* b[6];
  void* c[6];
};
using XsmmKernel = void (*)(const XsmmArguments*);

}  // namespace

extern "C" {

// nullptr, and a message on stderr, where the pattern is refused.
void* filigree_plan(std::int64_t m, std::int64_t k, int block, const std::int32_t* row_offsets,
                    const std::int32_t* column_indices, std::int64_t n) {
  try {
    const std::int64_t rows = m / block;
    return new Plan<float>(BsrPattern(m, k, block, {row_offsets, row_offsets + rows + 1},
                                      {column_indices, column_indices + row_offsets[rows]}),
                           {.samples = n, .dense_fallback = false});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return nullptr;
  }
}

void filigree_multiply(const void* plan, const float* values, const float* x, std::int64_t n, float* y) {
  const auto& planned = *static_cast<const Plan<float>*>(plan);
  const BsrPattern& w = planned.pattern();
  planned.multiply(values, {x, w.columns(), n}, nullptr, MatrixView<float>(y, w.rows(), n));
}

void filigree_destroy(void* plan) { delete static_cast<Plan<float>*>(plan); }

void filigree_set_threads(int threads) { filigree::set_thread_count(threads); }

const char* filigree_isa() {
  static const std::string name(filigree::isa_name(filigree::chosen_isa()));
  return name.c_str();
}

// Y = W X in panels of `width` columns: each is copied from X, multiplied by a kernel for [k][width] and
// [m][width], and copied to Y. Where width is n, X and Y are such panels themselves, and nothing is copied.
void xsmm_multiply(XsmmKernel kernel, std::int64_t m, std::int64_t k, std::int64_t block_rows,
                   const std::uint32_t* row_offsets, const std::uint32_t* column_indices, const float* values,
                   const float* x, std::int64_t n, std::int64_t width, float* y) {
  thread_local std::vector<float> scratch;
  auto blocks = static_cast<unsigned long long>(block_rows);
  XsmmArguments arguments{};
  arguments.b[0] = const_cast<float*>(values);
  arguments.b[1] = const_cast<std::uint32_t*>(row_offsets);
  arguments.b[2] = const_cast<std::uint32_t*>(column_indices);
  arguments.b[3] = &blocks;
  if (width == n) {
    arguments.a[0] = const_cast<float*>(x);
    arguments.c[0] = y;
    kernel(&arguments);
    return;
  }
  scratch.resize(static_cast<std::size_t>((m + k) * width));
  float* const in = scratch.data();
  float* const out = in + k * width;
  arguments.a[0] = in;
  arguments.c[0] = out;
  const std::size_t bytes = static_cast<std::size_t>(width) * sizeof(float);
  for (std::int64_t column = 0; column < n; column += width) {
    for (std::int64_t r = 0; r < k; ++r) std::memcpy(in + r * width, x + r * n + column, bytes);
    kernel(&arguments);
    for (std::int64_t r = 0; r < m; ++r) std::memcpy(y + r * n + column, out + r * width, bytes);
  }
}

}  // extern "C"
