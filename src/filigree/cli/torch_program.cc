#include "filigree/cli/torch_program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "filigree/base/descriptor.h"
#include "filigree/base/error.h"

namespace filigree::cli {
namespace {

// Errors (missing component): this build has no filigree-bert.
std::filesystem::path required_torch_program() {
  std::filesystem::path program = torch_program();
  if (program.empty()) {
    fail_missing(
        "this command needs the program filigree-bert beside filigree; build with -DFILIGREE_TORCH=ON "
        "(Debian's libtorch-dev)");
  }
  return program;
}

// What exec wants: pointers into `program` and `arguments`, which must outlive it.
std::vector<char*> exec_arguments(const std::filesystem::path& program,
                                  const std::vector<std::string>& arguments) {
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  return argv;
}

std::string read_to_end(const Descriptor& file) {
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace

std::filesystem::path torch_program() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return {};
  const std::filesystem::path program = self.parent_path() / "filigree-bert";
  return ::access(program.c_str(), X_OK) == 0 ? program : std::filesystem::path{};
}

void run_torch_program(const std::vector<std::string>& arguments) {
  const std::filesystem::path program = required_torch_program();
  ::execv(program.c_str(), exec_arguments(program, arguments).data());
  fail("cannot start {}: {}", program.string(), errno_text(errno));
}

std::string torch_program_output(const std::vector<std::string>& arguments) {
  const std::filesystem::path program = required_torch_program();
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) fail("cannot make a pipe: {}", errno_text(errno));
  const Descriptor reading(pipe[0]);
  Descriptor writing(pipe[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, writing.get(), STDOUT_FILENO);
  pid_t child = 0;
  const int error_number = ::posix_spawn(&child, program.c_str(), &actions, nullptr,
                                         exec_arguments(program, arguments).data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  writing.close();
  std::string output = error_number == 0 ? read_to_end(reading) : std::string();
  if (error_number != 0) fail("cannot start {}: {}", program.string(), errno_text(error_number));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fail("{} {} failed", program.string(), arguments.empty() ? "" : arguments.front());
  }
  return output;
}

}  // namespace filigree::cli
