#include "filigree/text/file_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "filigree/base/error.h"

namespace filigree::text {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 18;

}  // namespace

FileInput::FileInput(const std::filesystem::path& path)
    : path_(path), file_(Descriptor::open(path, O_RDONLY)), buffer_(kBufferBytes, '\0') {
  if (!file_.is_open()) fail_data("cannot open {}: {}", name(), errno_text(errno));
  struct stat status {};
  if (::fstat(file_.get(), &status) == 0 && S_ISDIR(status.st_mode)) {
    fail_data("{} is a folder, not a file", name());
  }
}

std::string_view FileInput::peek(std::size_t wanted) {
  while (end_ - begin_ < wanted) {
    if (begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    const ssize_t count = ::read(file_.get(), buffer_.data() + end_, buffer_.size() - end_);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_data("cannot read {} at byte {}: {}", name(), file_bytes_, errno_text(errno));
    if (count == 0) break;
    end_ += static_cast<std::size_t>(count);
    file_bytes_ += static_cast<std::uint64_t>(count);
  }
  return {buffer_.data() + begin_, end_ - begin_};
}

}  // namespace filigree::text
