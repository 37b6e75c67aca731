#include "filigree/cli/commands/sparse_options.h"

#include "filigree/sparse/conversion.h"
#include "filigree/sparse/matrix_file.h"

namespace filigree::cli {

std::vector<std::string> block_choices() {
  std::vector<std::string> result;
  for (const sparse::BlockShape block : sparse::kBlockShapes) result.push_back(block.text());
  return result;
}

std::int64_t matrix_size(std::string_view option, std::string_view text) {
  constexpr std::int64_t kMost = 1 << 24;
  const auto value = number<std::int64_t>(option, text);
  if (value < 1 || value > kMost) fail_usage("--{} {} is not a size from 1 to {}", option, text, kMost);
  return value;
}

double density_share(std::string_view text) {
  const auto slash = text.find('/');
  const double part = number<double>("density", text.substr(0, slash));
  const double whole =
      slash == std::string_view::npos ? 1 : number<double>("density", text.substr(slash + 1));
  const double value = part / whole;
  if (!(part > 0 && whole > 0 && value <= 1)) fail_usage("--density {} is not in (0, 1]", text);
  return value;
}

sparse::BsrPattern pattern_of_file(const std::filesystem::path& path, sparse::BlockShape block) {
  if (path.extension() == ".smtx") {
    return sparse::bsr_from_csr(sparse::read_smtx(path), block, sparse::Canonical::kSort).pattern;
  }
  if (path.extension() != ".mtx") fail_usage("{} is neither a .mtx nor a .smtx file", path.string());
  return sparse::bsr_from_coo(sparse::read_matrix_market(path), block, sparse::Canonical::kSum).pattern;
}

}  // namespace filigree::cli
