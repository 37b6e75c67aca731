#include "filigree/sparse/schedule.h"

#include <algorithm>

#include "filigree/sparse/kernels/kernels.h"

namespace filigree::sparse {
namespace {

std::int64_t parts_of(std::int64_t count, std::int64_t size) { return (count + size - 1) / size; }

}  // namespace

Schedule dsd_parts(const Schedule& schedule, std::int64_t columns, std::int64_t groups, int threads) {
  // Not so narrow that a weight is loaded for a vector or two.
  constexpr std::int64_t kLeastColumns = 32;
  const std::int64_t by_rule = std::clamp<std::int64_t>(columns / kLeastColumns, 1, threads);
  const std::int64_t wanted = schedule.activation_parts > 0 ? schedule.activation_parts : by_rule;
  Schedule parts = schedule;
  parts.activation_parts = std::min(wanted, parts_of(columns, kernels::kColumnStep));
  const std::int64_t group_parts =
      schedule.group_parts > 0 ? schedule.group_parts : parts_of(threads, parts.activation_parts);
  parts.group_parts = std::min(groups, group_parts);
  return parts;
}

Schedule dds_parts(const Schedule& schedule, BlockShape block, std::int64_t tokens, std::int64_t groups,
                   int threads) {
  const std::int64_t by_rule = threads == 1 ? 1 : std::int64_t{8} * threads;
  const std::int64_t wanted = schedule.activation_parts > 0 ? schedule.activation_parts : by_rule;
  Schedule parts = schedule;
  parts.activation_parts = std::min(wanted, parts_of(tokens, kernels::whole_tiles(block)));
  const std::int64_t group_parts = schedule.group_parts > 0                ? schedule.group_parts
                                   : parts.activation_parts >= 2 * threads ? 1
                                                                           : threads;
  parts.group_parts = std::min(groups, group_parts);
  return parts;
}

}  // namespace filigree::sparse
