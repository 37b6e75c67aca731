#include "filigree/models/commands.h"

#include <new>
#include <string_view>

#include "filigree/base/error.h"
#include "filigree/nn/torch.h"

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
      if (arguments[0] != command.name) continue;
      try {
        return command.run({arguments.begin() + 1, arguments.end()});
      } catch (const c10::Error& error) {
        // LibTorch's own message carries a C++ backtrace, and it has its own error for want of memory.
        const std::string message = error.what_without_backtrace();
        if (message.find("allocate memory") != std::string::npos) throw std::bad_alloc();
        fail("LibTorch: {}", message.substr(0, message.find('\n')));
      }
    }
  }
  fail_usage("filigree-bert is run by `filigree bert <verb>`; filigree --help lists the commands");
}

}  // namespace filigree::models
