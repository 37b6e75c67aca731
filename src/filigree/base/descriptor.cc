#include "filigree/base/descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace filigree {
namespace {

// `write_some(bytes)` writes a part of its argument, as write(2) does.
template <typename F>
int write_parts(std::string_view bytes, F&& write_some) {
  while (!bytes.empty()) {
    const ssize_t count = write_some(bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

}  // namespace

Descriptor Descriptor::open(const std::filesystem::path& path, int flags, mode_t mode) {
  return Descriptor(::open(path.c_str(), flags | O_CLOEXEC, mode));
}

void Descriptor::close() {
  if (is_open()) ::close(std::exchange(value_, -1));
}

int write_all(const Descriptor& file, std::string_view bytes) {
  return write_parts(bytes,
                     [&](std::string_view left) { return ::write(file.get(), left.data(), left.size()); });
}

int write_all_at(const Descriptor& file, std::string_view bytes, std::uint64_t offset) {
  const char* begin = bytes.data();
  return write_parts(bytes, [&](std::string_view left) {
    const std::uint64_t done = static_cast<std::uint64_t>(left.data() - begin);
    return ::pwrite(file.get(), left.data(), left.size(), static_cast<off_t>(offset + done));
  });
}

}  // namespace filigree
