#include "filigree/cli/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "filigree/base/error.h"
#include "filigree/base/version.h"
#include "filigree/cli/commands/commands.h"

namespace filigree::cli {
namespace {

constexpr Command kCommands[] = {
    {"", "info", "what this build and this machine have: CPU, BLAS, threads, MPI, LibTorch", info},
    {"bert", "prepare", "text to a WordPiece vocabulary and a tokenised corpus", bert_prepare},
    {"bert", "pretrain", "pre-train a BERT, dense or block-sparse", bert_pretrain},
    {"bert", "fill", "fill in the [MASK]s of a sentence", bert_fill},
    {"sparse", "plan", "plan a block-sparse product, and say what was chosen and why", sparse_plan},
    {"sparse", "bench", "time block-sparse products beside the best dense ones", sparse_bench},
    {"sparse", "report", "draw what sparse bench measured beside PopSparse's published speed-ups",
     sparse_report},
};

std::string full_name(const Command& command) {
  return command.area.empty() ? std::string(command.verb) : fmt::format("{} {}", command.area, command.verb);
}

void print_help(std::string_view area) {
  fmt::print("filigree {}: models with less\n\nusage: filigree <area> <verb> [options]\n\n", kVersion);
  for (const Command& command : kCommands) {
    if (area.empty() || command.area == area)
      fmt::print("  {:<16} {}\n", full_name(command), command.summary);
  }
  fmt::print("\nfiligree <area> <verb> --help lists a command's options.\n");
}

}  // namespace

int run_command(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    print_help("");
    return static_cast<int>(ExitCode::kUsage);
  }
  const std::string& first = arguments[0];
  if (first == "--help" || first == "-h" || first == "help") {
    print_help("");
    return 0;
  }
  if (first == "--version") {
    fmt::print("filigree {}\n", kVersion);
    return 0;
  }
  for (const Command& command : kCommands) {
    if (command.area.empty() && command.verb == first) {
      return command.run({arguments.begin() + 1, arguments.end()});
    }
    if (!command.area.empty() && command.area == first && arguments.size() > 1 &&
        command.verb == arguments[1]) {
      return command.run({arguments.begin() + 2, arguments.end()});
    }
  }
  const bool known_area = std::any_of(std::begin(kCommands), std::end(kCommands),
                                      [&](const Command& c) { return !c.area.empty() && c.area == first; });
  if (known_area && (arguments.size() == 1 || arguments[1] == "--help" || arguments[1] == "-h")) {
    print_help(first);
    return arguments.size() == 1 ? static_cast<int>(ExitCode::kUsage) : 0;
  }
  const std::string asked = known_area ? fmt::format("{} {}", first, arguments[1]) : first;
  fail_usage("there is no command '{}'; filigree --help lists the commands", asked);
}

}  // namespace filigree::cli
