// What tests of several modules need: a folder of their own, the message of an error, a process to kill, a
// disk that fills up. Included by tests only.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>

#include "filigree/base/error.h"

namespace filigree::test {

// Without the syncing of write_file_atomically(): fuzzing writes thousands. The old file is removed because
// ext4 syncs a file that is truncated and written again.
inline void write_quickly(const std::filesystem::path& path, std::string_view content) {
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
}

// A new empty folder, removed with all it holds at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "filigree-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), name);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }
  // Writes the file `name` ("a/b.txt"), with the folders above it, and gives its path.
  std::filesystem::path write(const std::filesystem::path& name, std::string_view content) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    write_quickly(path_ / name, content);
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// The message of the Error of `code` that body() must throw.
template <typename F>
std::string error_of(ExitCode code, F&& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(code)) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

// Runs body() -> int in a child process. The body must not use threads that the parent started.
class ChildProcess {
 public:
  explicit ChildProcess(const std::function<int()>& body) : id_(::fork()) {
    if (id_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (id_ > 0) return;
    int code = 125;
    try {
      code = body();
    } catch (...) {
    }
    ::_exit(code);
  }
  ~ChildProcess() {
    if (id_ <= 0) return;
    kill(SIGKILL);
    wait();
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  void kill(int signal) const { ::kill(id_, signal); }
  // The exit code (125 after an exception), or minus the signal that ended it.
  int wait() {
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t id_;
};

// Exit code of a child that could not have a disk of its own: skip the test then.
inline constexpr int kCannotMount = 124;

// Root may make file systems; others need a user namespace in which they are root.
inline void become_root() {
  const uid_t user = ::geteuid();
  const gid_t group = ::getegid();
  if (user == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return;
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
  std::ofstream("/proc/self/gid_map") << "0 " << group << " 1";
}

// Runs body(disk) -> int in a child process, where `disk` is the folder of a new file system of `bytes`
// that no other process sees unless it is told the name. It is mounted nowhere and gone when the child
// ends. Gives the child's exit code, kCannotMount where this system forbids it.
template <typename F>
int run_on_small_disk(std::size_t bytes, F&& body) {
  ChildProcess child([&] {
    become_root();
    const int context = ::fsopen("tmpfs", 0);
    const std::string size = std::to_string(bytes);
    if (context < 0 || ::fsconfig(context, FSCONFIG_SET_STRING, "size", size.c_str(), 0) != 0 ||
        ::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
      return kCannotMount;
    }
    const int disk = ::fsmount(context, 0, 0);
    if (disk < 0) return kCannotMount;
    // Not /proc/self: the programs that the body runs must find it too.
    return body(std::filesystem::path("/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(disk)));
  });
  return child.wait();
}

}  // namespace filigree::test
