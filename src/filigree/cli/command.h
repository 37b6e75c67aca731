// The commands of the program `filigree`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace filigree::cli {

struct Command {
  std::string_view area;  // "bert"; empty for commands of one word
  std::string_view verb;  // "prepare"
  std::string_view summary;
  // `arguments` are those after the verb. Returns an exit code; may throw Error.
  int (*run)(const std::vector<std::string>& arguments);
};

// Finds the command that `arguments` name and runs it. `arguments` exclude the program's name.
int run_command(const std::vector<std::string>& arguments);

}  // namespace filigree::cli
