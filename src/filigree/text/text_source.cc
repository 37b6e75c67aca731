#include "filigree/text/text_source.h"

#include <fmt/format.h>
#include <unicode/uchar.h>

#include <optional>
#include <utility>

#include "filigree/base/error.h"
#include "filigree/base/interrupt.h"
#include "filigree/base/log.h"
#include "filigree/text/line_reader.h"
#include "filigree/text/utf8.h"

namespace filigree::text {
namespace {

constexpr std::size_t kBatchBytes = std::size_t{1} << 20;
constexpr std::uint64_t kBlankLinesPerLook = 1 << 16;

// White space as in Python's str.strip(), by which BERT finds blank lines.
bool is_blank(std::string_view line) {
  for (std::size_t offset = 0; offset < line.size();) {
    const char32_t c = next_code_point(line, offset);
    const bool space = u_isUWhiteSpace(static_cast<UChar32>(c)) != 0 || (c >= 0x1C && c <= 0x1F);
    if (!space) return false;
  }
  return true;
}

class TextFiles : public TextSource {
 public:
  explicit TextFiles(std::vector<InputFile> files) : TextSource(std::move(files)) {}

 protected:
  bool next_line(Line& line) override {
    for (; file_ < files().size(); next_file()) {
      if (!reader_) reader_.emplace(files()[file_].path);
      while (reader_->next(line.text)) {
        if (is_blank(line.text)) {
          new_document_ = true;
          // A short file may unpack to blank lines for minutes.
          if (++blank_lines_ % kBlankLinesPerLook == 0 && interrupted()) {
            throw Error(fmt::format("interrupted while reading {}", files()[file_].path.string()),
                        ExitCode::kInterrupted);
          }
          continue;
        }
        line.new_document = std::exchange(new_document_, false);
        line.file = static_cast<std::uint32_t>(file_);
        line.number = reader_->line_number();
        line.offset = reader_->line_offset();
        return true;
      }
    }
    return false;
  }

  std::uint64_t file_bytes() const override { return earlier_bytes_ + (reader_ ? reader_->file_bytes() : 0); }

 private:
  void next_file() {
    const InputFile& file = files()[file_];
    if (reader_->line_number() == 0) {
      if (file.named) fail_data("{} is empty", file.path.string());
      log_warning("{} is empty", file.path.string());
    }
    earlier_bytes_ += reader_->file_bytes();
    reader_.reset();
    new_document_ = true;
    ++file_;
  }

  std::size_t file_ = 0;
  std::optional<LineReader> reader_;
  bool new_document_ = true;
  std::uint64_t blank_lines_ = 0;
  std::uint64_t earlier_bytes_ = 0;
};

}  // namespace

bool TextSource::next(TextBatch& batch) {
  batch.text.clear();
  batch.paragraphs.clear();
  batch.first_paragraph = paragraphs_;
  Line line;
  while (batch.text.size() < kBatchBytes && next_line(line)) {
    if (line.new_document) ++documents_;
    batch.paragraphs.push_back(
        {batch.text.size(), line.text.size(), documents_ - 1, line.file, line.number, line.offset});
    batch.text.append(line.text);
  }
  batch.file_bytes = file_bytes();
  paragraphs_ += batch.paragraphs.size();
  return !batch.paragraphs.empty();
}

std::uint64_t TextSource::total_bytes() const {
  std::uint64_t total = 0;
  for (const InputFile& file : files_) {
    if (file.bytes == 0 && file.named) return 0;
    total += file.bytes;
  }
  return total;
}

std::unique_ptr<TextSource> open_text_files(const std::vector<std::filesystem::path>& inputs) {
  return std::make_unique<TextFiles>(find_input_files(inputs));
}

}  // namespace filigree::text
