// What tests of several modules need: a folder of their own, a process to kill, a disk that fills up.
// Included by tests only.
#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace filigree::test {

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
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// Runs body() -> int in a child process. The body must not use threads that the parent started.
class ChildProcess {
 public:
  template <typename F>
  explicit ChildProcess(F&& body) : id_(::fork()) {
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

// Exit code of a child that could not mount: skip the test then.
inline constexpr int kCannotMount = 124;

// Mounts of this process are its own from now on. Root may have that; others need a user namespace in
// which they are root.
inline bool enter_mount_namespace() {
  const uid_t user = ::geteuid();
  const gid_t group = ::getegid();
  if (::unshare(CLONE_NEWNS | (user == 0 ? 0 : CLONE_NEWUSER)) != 0) return false;
  if (user != 0) {
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
    std::ofstream("/proc/self/gid_map") << "0 " << group << " 1";
  }
  return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

// Runs body() -> int in a child process that sees a file system of `bytes` mounted on `folder`; it is
// gone when the child ends. Gives the child's exit code, kCannotMount where this system forbids it.
template <typename F>
int run_on_small_disk(const std::filesystem::path& folder, std::size_t bytes, F&& body) {
  ChildProcess child([&] {
    const std::string size = "size=" + std::to_string(bytes);
    if (!enter_mount_namespace() || ::mount("tmpfs", folder.c_str(), "tmpfs", 0, size.c_str()) != 0) {
      return kCannotMount;
    }
    return body();
  });
  return child.wait();
}

}  // namespace filigree::test
