#include "filigree/text/spill_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "filigree/base/error.h"

namespace filigree::text {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 18;

}  // namespace

SpillFile::SpillFile(std::filesystem::path folder) : folder_(std::move(folder)) {
  if (folder_.empty()) folder_ = ".";
  std::string name = (folder_ / "filigree-spill-XXXXXX").string();
  file_ = Descriptor(::mkostemp(name.data(), O_CLOEXEC));
  if (!file_.is_open()) fail_with("create", errno);
  ::unlink(name.c_str());
  buffer_.reserve(kBufferBytes);
}

void SpillFile::fail_with(const char* action, int error_number) const {
  fail("cannot {} a temporary file in {}: {}", action, folder_.string(), write_errno_text(error_number));
}

void SpillFile::write(const void* data, std::size_t bytes) {
  buffer_.append(static_cast<const char*>(data), bytes);
  if (buffer_.size() >= kBufferBytes) flush();
}

void SpillFile::flush() {
  const int error_number = write_all(file_, buffer_);
  if (error_number != 0) fail_with("write", error_number);
  buffer_.clear();
}

void SpillFile::replay(const std::function<void(std::string_view)>& sink) {
  flush();
  buffer_.resize(kBufferBytes);
  off_t offset = 0;
  for (;;) {
    const ssize_t count = ::pread(file_.get(), buffer_.data(), buffer_.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_with("read", errno);
    if (count == 0) break;
    sink(std::string_view(buffer_.data(), static_cast<std::size_t>(count)));
    offset += count;
  }
  buffer_.clear();
}

}  // namespace filigree::text
