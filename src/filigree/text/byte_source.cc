#include "filigree/text/byte_source.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "filigree/text/file_input.h"
#include "filigree/text/gzip_source.h"
#include "filigree/text/zstd_source.h"

namespace filigree::text {
namespace {

class PlainSource : public ByteSource {
 public:
  explicit PlainSource(std::unique_ptr<FileInput> file) : file_(std::move(file)) {}

  std::size_t read(char* data, std::size_t size) override {
    const std::string_view bytes = file_->peek();
    const std::size_t count = std::min(size, bytes.size());
    std::memcpy(data, bytes.data(), count);
    file_->consume(count);
    return count;
  }
  std::uint64_t file_bytes() const override { return file_->file_bytes(); }

 private:
  std::unique_ptr<FileInput> file_;
};

}  // namespace

std::unique_ptr<ByteSource> open_bytes(const std::filesystem::path& path) {
  auto file = std::make_unique<FileInput>(path);
  const std::string_view start = file->peek(4);
  if (is_gzip(start)) return make_gzip_source(std::move(file));
  if (is_zstd(start)) return make_zstd_source(std::move(file));
  return std::make_unique<PlainSource>(std::move(file));
}

}  // namespace filigree::text
