#include "filigree/text/file_input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "filigree/base/error.h"
#include "filigree/base/interrupt.h"

namespace filigree::text {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 18;

}  // namespace

// O_NONBLOCK: a pipe without a writer is waited for in wait(), which an interrupt ends.
FileInput::FileInput(const std::filesystem::path& path)
    : path_(path), file_(Descriptor::open(path, O_RDONLY | O_NONBLOCK)), buffer_(kBufferBytes, '\0') {
  if (!file_.is_open()) fail_data("cannot open {}: {}", name(), errno_text(errno));
  struct stat status {};
  if (::fstat(file_.get(), &status) == 0 && S_ISDIR(status.st_mode)) {
    fail_data("{} is a folder, not a file", name());
  }
}

// Until there is something to read, or no writer any more.
void FileInput::wait() const {
  constexpr int kMilliseconds = 100;
  for (;;) {
    if (interrupted()) {
      throw Error(fmt::format("interrupted while reading {}", name()), ExitCode::kInterrupted);
    }
    pollfd poll{file_.get(), POLLIN, 0};
    const int ready = ::poll(&poll, 1, kMilliseconds);
    // Where waiting is not possible, reading says why.
    if (ready > 0 || (ready < 0 && errno != EINTR)) return;
  }
}

std::string_view FileInput::peek(std::size_t wanted) {
  while (end_ - begin_ < wanted) {
    if (begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    wait();
    const ssize_t count = ::read(file_.get(), buffer_.data() + end_, buffer_.size() - end_);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) fail_data("cannot read {} at byte {}: {}", name(), file_bytes_, errno_text(errno));
    if (count == 0) break;
    end_ += static_cast<std::size_t>(count);
    file_bytes_ += static_cast<std::uint64_t>(count);
  }
  return {buffer_.data() + begin_, end_ - begin_};
}

}  // namespace filigree::text
