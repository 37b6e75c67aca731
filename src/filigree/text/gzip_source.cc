#include "filigree/text/gzip_source.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "filigree/base/error.h"

namespace filigree::text {
namespace {

class GzipSource : public ByteSource {
 public:
  explicit GzipSource(std::unique_ptr<FileInput> file) : file_(std::move(file)) {
    constexpr int kGzipOnly = 15 + 16;
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) fail("zlib cannot start: {}", message());
  }
  ~GzipSource() override { inflateEnd(&stream_); }

  std::size_t read(char* data, std::size_t size) override {
    size = std::min<std::size_t>(size, std::numeric_limits<uInt>::max());
    stream_.next_out = reinterpret_cast<Bytef*>(data);
    stream_.avail_out = static_cast<uInt>(size);
    while (stream_.avail_out > 0 && !ended_) {
      const std::string_view input = file_->peek();
      if (input.empty()) {
        fail_data("{} is cut off: its gzip data ends at byte {} in the middle; copy or compress it again",
                  file_->name(), file_->offset());
      }
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
      stream_.avail_in = static_cast<uInt>(input.size());
      const int status = inflate(&stream_, Z_NO_FLUSH);
      file_->consume(input.size() - stream_.avail_in);
      if (status == Z_STREAM_END) {
        begin_next_member();
      } else if (status != Z_OK) {
        fail_data("{} is damaged: its gzip data is wrong near byte {} ({}); copy or compress it again",
                  file_->name(), file_->offset(), message());
      }
    }
    return size - stream_.avail_out;
  }

  std::uint64_t file_bytes() const override { return file_->file_bytes(); }

 private:
  const char* message() const { return stream_.msg != nullptr ? stream_.msg : "no reason given"; }

  void begin_next_member() {
    // Some writers fill the last block of a tape or disk with zeros.
    for (std::string_view rest = file_->peek(); !rest.empty() && rest[0] == '\0'; rest = file_->peek()) {
      file_->consume(std::min(rest.find_first_not_of('\0'), rest.size()));
    }
    if (file_->peek().empty()) {
      ended_ = true;
      return;
    }
    if (!is_gzip(file_->peek(2))) {
      fail_data("{}: what follows its gzip data, at byte {}, is something else; remove it", file_->name(),
                file_->offset());
    }
    inflateReset(&stream_);
  }

  std::unique_ptr<FileInput> file_;
  z_stream stream_{};
  bool ended_ = false;
};

}  // namespace

bool is_gzip(std::string_view start) { return start.starts_with("\x1f\x8b"); }

std::unique_ptr<ByteSource> make_gzip_source(std::unique_ptr<FileInput> file) {
  return std::make_unique<GzipSource>(std::move(file));
}

}  // namespace filigree::text
