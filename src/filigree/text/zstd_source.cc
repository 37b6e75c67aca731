#include "filigree/text/zstd_source.h"

#include <zstd.h>
#include <zstd_errors.h>

#include <new>
#include <utility>

#include "filigree/base/error.h"

namespace filigree::text {
namespace {

class ZstdSource : public ByteSource {
 public:
  explicit ZstdSource(std::unique_ptr<FileInput> file)
      : file_(std::move(file)), stream_(ZSTD_createDStream()) {
    if (stream_ == nullptr) throw std::bad_alloc();
  }
  ~ZstdSource() override { ZSTD_freeDStream(stream_); }
  ZstdSource(const ZstdSource&) = delete;
  ZstdSource& operator=(const ZstdSource&) = delete;

  std::size_t read(char* data, std::size_t size) override {
    ZSTD_outBuffer output{data, size, 0};
    while (output.pos == 0) {
      const std::string_view bytes = file_->peek();
      if (bytes.empty() && between_frames_) break;
      ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
      const std::size_t left = ZSTD_decompressStream(stream_, &output, &input);
      file_->consume(input.pos);
      if (ZSTD_isError(left) != 0) fail_decoding(left);
      // With no input left the decoder may still hold output; with neither, the frame is cut.
      if (bytes.empty() && output.pos == 0) {
        fail_data(
            "{} is cut off: its Zstandard data ends at byte {} in the middle; copy or compress it again",
            file_->name(), file_->offset());
      }
      between_frames_ = left == 0;
    }
    return output.pos;
  }

  std::uint64_t file_bytes() const override { return file_->file_bytes(); }

 private:
  [[noreturn]] void fail_decoding(std::size_t code) const {
    if (ZSTD_getErrorCode(code) == ZSTD_error_frameParameter_windowTooLarge) {
      fail_data(
          "{} needs more than 128 MB of memory to decompress; compress it again without --long or --ultra",
          file_->name());
    }
    fail_data("{} is damaged: its Zstandard data is wrong near byte {} ({}); copy or compress it again",
              file_->name(), file_->offset(), ZSTD_getErrorName(code));
  }

  std::unique_ptr<FileInput> file_;
  ZSTD_DStream* stream_;
  bool between_frames_ = true;
};

}  // namespace

bool is_zstd(std::string_view start) {
  constexpr std::string_view kFrame = "\x28\xb5\x2f\xfd";
  // Skippable frames, which parallel compressors write first: 0x184D2A50 to 0x184D2A5F, little-endian.
  const bool skippable = start.size() >= 4 && (static_cast<unsigned char>(start[0]) & 0xF0U) == 0x50U &&
                         start.substr(1, 3) == "\x2a\x4d\x18";
  return start.starts_with(kFrame) || skippable;
}

std::unique_ptr<ByteSource> make_zstd_source(std::unique_ptr<FileInput> file) {
  return std::make_unique<ZstdSource>(std::move(file));
}

}  // namespace filigree::text
