#include "filigree/cli/torch_program.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "filigree/base/error.h"

namespace filigree::cli {

std::filesystem::path torch_program() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return {};
  const std::filesystem::path program = self.parent_path() / "filigree-bert";
  return ::access(program.c_str(), X_OK) == 0 ? program : std::filesystem::path{};
}

void run_torch_program(const std::vector<std::string>& arguments) {
  const std::filesystem::path program = torch_program();
  if (program.empty()) {
    fail_missing("this command needs the program filigree-bert beside filigree; build with -DFILIGREE_TORCH=ON "
                 "(Debian's libtorch-dev)");
  }
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(program.c_str(), argv.data());
  fail("cannot start {}: {}", program.string(), errno_text(errno));
}

}  // namespace filigree::cli
