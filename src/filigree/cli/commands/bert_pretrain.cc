#include "filigree/cli/commands/commands.h"
#include "filigree/cli/torch_program.h"

namespace filigree::cli {

int bert_pretrain(const std::vector<std::string>& arguments) {
  std::vector<std::string> all{"pretrain"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  run_torch_program(all);
}

}  // namespace filigree::cli
