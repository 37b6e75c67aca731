#include "filigree/base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "filigree/base/error.h"

namespace filigree {
namespace {

// Opens for reading and gives the size; a folder is not a file.
std::size_t size_of_open_file(const Descriptor& file, const std::filesystem::path& path) {
  if (!file.is_open()) fail_data("cannot open {}: {}", path.string(), errno_text(errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail_data("cannot read {}: {}", path.string(), errno_text(errno));
  if (S_ISDIR(status.st_mode)) fail_data("{} is a folder, not a file", path.string());
  return static_cast<std::size_t>(status.st_size);
}

bool is_regular(const Descriptor& file) {
  struct stat status {};
  return ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode);
}

// True where `path` names the open file.
bool is_named(const Descriptor& file, const std::filesystem::path& path) {
  struct stat open {};
  struct stat named {};
  return ::fstat(file.get(), &open) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

}  // namespace

std::string read_file(const std::filesystem::path& path, std::size_t most) {
  const Descriptor file = Descriptor::open(path, O_RDONLY);
  // The size is a hint: a pipe has none, and a file may grow.
  constexpr std::size_t kMore = std::size_t{1} << 16;
  const std::size_t size = size_of_open_file(file, path);
  const auto check_size = [&](std::size_t bytes) {
    if (bytes > most)
      fail_data("{} is larger than {} bytes: it cannot be what it was given for", path.string(), most);
  };
  check_size(size);
  std::string content(size + 1, '\0');
  std::size_t done = 0;
  for (;;) {
    if (done == content.size()) content.resize(done + kMore);
    const ssize_t count = ::read(file.get(), content.data() + done, content.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_data("cannot read {}: {}", path.string(), errno_text(errno));
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
    check_size(done);
  }
  content.resize(done);
  return content;
}

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)), partial_(path_) {
  partial_ += ".partial";
  // Locked before it is emptied: two writers would take each other's bytes for their own. A file system
  // without locks has no second writer to ask about.
  do {
    file_ = Descriptor::open(partial_, O_WRONLY | O_CREAT, 0644);
    if (!file_.is_open()) fail_with("create", errno);
    if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      fail_usage("another process is writing {}: wait for it, or write elsewhere", path_.string());
    }
  } while (!is_named(file_, partial_));  // its writer has just given it its name
  if (::ftruncate(file_.get(), 0) != 0 && errno != EINVAL) fail_with("empty", errno);  // EINVAL: a device
}

AtomicFile::~AtomicFile() {
  if (file_.is_open()) ::unlink(partial_.c_str());
}

void AtomicFile::fail_with(const char* action, int error_number) const {
  fail("cannot {} {}: {}", action, partial_.string(), write_errno_text(error_number));
}

void AtomicFile::write(const void* data, std::size_t bytes) {
  const int error_number = write_all(file_, {static_cast<const char*>(data), bytes});
  if (error_number != 0) fail_with("write", error_number);
  size_ += bytes;
}

void AtomicFile::overwrite(std::uint64_t offset, const void* data, std::size_t bytes) {
  const int error_number = write_all_at(file_, {static_cast<const char*>(data), bytes}, offset);
  if (error_number != 0) fail_with("write", error_number);
}

void AtomicFile::sync() {
  if (::fsync(file_.get()) != 0) fail_with("sync", errno);
}

void AtomicFile::commit() {
  sync();
  if (::rename(partial_.c_str(), path_.c_str()) != 0) fail_with("rename", errno);
  file_.close();  // what was synced cannot fail here any more
  const std::filesystem::path parent =
      path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
  const Descriptor folder = Descriptor::open(parent, O_RDONLY | O_DIRECTORY);
  if (!folder.is_open() || ::fsync(folder.get()) == 0) return;
  // Some file systems cannot sync a folder.
  if (errno == EINVAL || errno == ENOTSUP || errno == EROFS) return;
  fail("cannot sync the folder {}: {}", parent.string(), errno_text(errno));
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

MappedFile::MappedFile(const std::filesystem::path& path) {
  // Not to wait for a pipe's writer: O_NONBLOCK changes nothing else here.
  const Descriptor file = Descriptor::open(path, O_RDONLY | O_NONBLOCK);
  size_ = size_of_open_file(file, path);
  if (!is_regular(file)) fail_data("{} is no regular file, which is needed here", path.string());
  if (size_ == 0) return;
  void* data = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (data == MAP_FAILED) fail_data("cannot map {}: {}", path.string(), errno_text(errno));
  data_ = static_cast<const std::byte*>(data);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace filigree
