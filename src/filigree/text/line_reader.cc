#include "filigree/text/line_reader.h"

#include <algorithm>
#include <cstring>

#include "filigree/base/error.h"

namespace filigree::text {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 18;

}  // namespace

LineReader::LineReader(const std::filesystem::path& path, std::size_t longest_line)
    : name_(path.string()), source_(open_bytes(path)), longest_line_(longest_line) {}

// Makes room and reads on; false at the end of the file.
bool LineReader::fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ + kChunkBytes > buffer_.size()) buffer_.resize(std::max(end_ + kChunkBytes, buffer_.size() * 2));
  const std::size_t count = source_->read(buffer_.data() + end_, buffer_.size() - end_);
  end_ += count;
  return count > 0;
}

bool LineReader::next(std::string_view& line) {
  std::size_t searched = 0;
  std::size_t length = 0;
  std::size_t skip = 1;
  for (;;) {
    const void* feed = std::memchr(buffer_.data() + begin_ + searched, '\n', end_ - begin_ - searched);
    if (feed != nullptr) {
      length = static_cast<std::size_t>(static_cast<const char*>(feed) - buffer_.data()) - begin_;
      break;
    }
    searched = end_ - begin_;
    if (searched > longest_line_) break;
    if (!fill()) {
      if (searched == 0) return false;
      length = searched;
      skip = 0;  // the last line has no line feed
      break;
    }
  }
  ++line_number_;
  line_offset_ = next_offset_;
  if (std::max(length, searched) > longest_line_) {
    fail_data(
        "{}:{}: the line that begins at byte {} is longer than {} MiB; break the text into lines of one "
        "paragraph each",
        name_, line_number_, line_offset_, longest_line_ >> 20);
  }
  line = std::string_view(buffer_.data() + begin_, length);
  begin_ += length + skip;
  next_offset_ += length + skip;
  if (line.ends_with('\r')) line.remove_suffix(1);
  return true;
}

}  // namespace filigree::text
