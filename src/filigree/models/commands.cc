#include "filigree/models/commands.h"

#include "filigree/base/error.h"

namespace filigree::models {
namespace {

struct Command {
  const char* name;
  int (*run)(const std::vector<std::string>&);
};

constexpr Command kCommands[] = {
    {"pretrain", bert_pretrain},
    {"fill", bert_fill},
    {"info", torch_info},
};

}  // namespace

int run_command(const std::vector<std::string>& arguments) {
  if (!arguments.empty()) {
    for (const Command& command : kCommands) {
      if (arguments[0] == command.name) return command.run({arguments.begin() + 1, arguments.end()});
    }
  }
  fail_usage("filigree-bert is run by `filigree bert <verb>`; filigree --help lists the commands");
}

}  // namespace filigree::models
