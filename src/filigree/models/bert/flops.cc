#include "filigree/models/bert/flops.h"

namespace filigree::models {

BertFlops bert_flops(const BertConfig& config, double density, std::int64_t sequence,
                     std::int64_t predictions) {
  const auto s = static_cast<double>(sequence);
  const auto h = static_cast<double>(config.hidden);
  const auto i = static_cast<double>(config.intermediate);
  const auto l = static_cast<double>(config.layers);
  const auto v = static_cast<double>(config.vocabulary);
  const auto p = static_cast<double>(predictions);
  return {6 * s * density * (4 * h * h + 2 * h * i) * l + 12 * s * s * h * l, 6 * p * (h * h + h * v)};
}

double step_flops(const BertConfig& config, std::int64_t batch, std::int64_t sequence,
                  std::int64_t predictions) {
  const double density = config.sparsity.storage == Storage::kSparse ? config.sparsity.density : 1;
  return static_cast<double>(batch) * bert_flops(config, density, sequence, predictions).total();
}

}  // namespace filigree::models
