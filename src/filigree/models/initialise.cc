#include "filigree/models/initialise.h"

#include "filigree/base/parallel.h"
#include "filigree/base/philox.h"

namespace filigree::models {

std::vector<float> initial_matrix(Initialiser initialiser, std::uint64_t seed, std::uint64_t index,
                                  std::int64_t rows, std::int64_t columns) {
  std::vector<float> values(static_cast<std::size_t>(rows * columns));
  parallel_tasks(rows, [&](std::int64_t row, int) {
    Philox random(seed, Purpose::kInitialise, index, static_cast<std::uint32_t>(row));
    float* out = values.data() + row * columns;
    for (std::int64_t c = 0; c < columns; ++c) {
      out[c] = static_cast<float>(
          initialiser == Initialiser::kUnit ? random.normal() : kInitialStd * random.truncated_normal(2));
    }
  });
  return values;
}

}  // namespace filigree::models
