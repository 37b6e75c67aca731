#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "filigree/dense/blas_info.h"
#include "filigree/models/commands.h"
#include "filigree/models/process.h"
#include "filigree/nn/torch.h"

namespace filigree::models {

// One JSON line for `filigree info`, as training would find things.
int torch_info(const std::vector<std::string>&) {
  prepare_process(/*threads=*/0);
  const nlohmann::ordered_json line = {
      {"libtorch", TORCH_VERSION}, {"blas", dense::blas_info().file}, {"threads", at::get_num_threads()}};
  fmt::print("{}\n", line.dump());
  return 0;
}

}  // namespace filigree::models
