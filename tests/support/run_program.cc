#include "support/run_program.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "filigree/base/file.h"
#include "filigree/base/test_support.h"

namespace filigree::test {
namespace {

// Makes `path` the descriptor `target`.
bool redirect(const std::string& path, int flags, int target) {
  const int opened = ::open(path.c_str(), flags, 0600);
  return opened >= 0 && ::dup2(opened, target) == target;
}

// Becomes the program; gives 127 where that fails.
int execute(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  return 127;
}

}  // namespace

Outcome run_program(const std::vector<std::string>& arguments, const std::vector<std::string>& environment) {
  const TemporaryFolder folder;
  const std::string out = folder / "out";
  const std::string err = folder / "err";
  ChildProcess child([&] {
    for (const std::string& setting : environment) ::putenv(const_cast<char*>(setting.c_str()));
    if (!redirect("/dev/null", O_RDONLY, STDIN_FILENO) ||
        !redirect(out, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO) ||
        !redirect(err, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO)) {
      return 126;
    }
    return execute(arguments);
  });
  const int code = child.wait();
  return {code, read_file(out), read_file(err)};
}

ChildProcess start_program(const std::vector<std::string>& arguments) {
  return ChildProcess([&] {
    for (const int target : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
      if (!redirect("/dev/null", O_RDWR, target)) return 126;
    }
    return execute(arguments);
  });
}

}  // namespace filigree::test
