// Multiplies activations with a block-sparse matrix: y = x W^T, and the gradient of x.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "filigree/base/isa.h"
#include "filigree/base/main_guard.h"
#include "filigree/base/philox.h"
#include "filigree/numerics/matrix_view.h"
#include "filigree/sparse/bsr_pattern.h"
#include "filigree/sparse/products.h"

using filigree::MatrixView;
using filigree::Philox;
using filigree::Purpose;
using filigree::sparse::BsrPattern;

int main() {
  return filigree::guarded_main([] {
    const std::int64_t tokens = 32;
    const std::int64_t in = 256;
    const std::int64_t out = 512;
    const int block = 16;
    Philox random(1, Purpose::kPattern);
    const std::int64_t blocks = filigree::sparse::block_count_for_density(out, in, block, 0.1);
    const BsrPattern pattern = BsrPattern::random(out, in, block, blocks, random);

    std::vector<float> values(static_cast<std::size_t>(pattern.value_count()));
    std::vector<float> x(static_cast<std::size_t>(tokens * in));
    std::generate(values.begin(), values.end(), [&] { return static_cast<float>(random.normal()); });
    std::generate(x.begin(), x.end(), [&] { return static_cast<float>(random.normal()); });

    std::vector<float> y(static_cast<std::size_t>(tokens * out));
    std::vector<float> dx(x.size());
    filigree::sparse::dds_transposed<float>(MatrixView<float>(x.data(), tokens, in), pattern, values.data(),
                                            /*bias=*/nullptr, MatrixView<float>(y.data(), tokens, out));
    filigree::sparse::dds<float>(MatrixView<float>(y.data(), tokens, out), pattern, values.data(),
                                 MatrixView<float>(dx.data(), tokens, in));

    // <x, W^T W x> = <Wx, Wx>: what both products say must agree.
    double through_dx = 0;
    double through_y = 0;
    for (std::size_t i = 0; i < x.size(); ++i) through_dx += static_cast<double>(x[i]) * dx[i];
    for (const float value : y) through_y += static_cast<double>(value) * value;
    std::printf("%lld blocks of %d x %d on %s: %.6g = %.6g\n", static_cast<long long>(blocks), block, block,
                filigree::isa_name(filigree::chosen_isa()).data(), through_dx, through_y);
    return std::abs(through_dx - through_y) <= 1e-4 * through_y ? 0 : 1;
  });
}
