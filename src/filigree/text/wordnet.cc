#include "filigree/text/wordnet.h"

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

#include "filigree/base/error.h"

namespace filigree::text {
namespace {

constexpr const char* kDataFiles[] = {"data.noun", "data.verb", "data.adj", "data.adv"};

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

class WordNetGlosses : public TextSource {
 public:
  explicit WordNetGlosses(std::vector<InputFile> files) : TextSource(std::move(files)) {}

 protected:
  bool next_line(Line& line) override {
    for (; file_ < files().size(); next_file()) {
      if (!reader_) reader_.emplace(files()[file_].path);
      Synset synset;
      while (reader_->next(synset)) {
        if (synset.gloss.empty()) continue;
        line.text = synset.gloss;
        line.new_document = synset.lexicographer_file != lexicographer_file_;
        line.file = static_cast<std::uint32_t>(file_);
        line.number = reader_->lines().line_number();
        line.offset = reader_->lines().line_offset();
        lexicographer_file_ = synset.lexicographer_file;
        return true;
      }
    }
    return false;
  }

  std::uint64_t file_bytes() const override {
    return earlier_bytes_ + (reader_ ? reader_->lines().file_bytes() : 0);
  }

 private:
  void next_file() {
    earlier_bytes_ += reader_->lines().file_bytes();
    reader_.reset();
    lexicographer_file_ = -1;
    ++file_;
  }

  std::size_t file_ = 0;
  std::optional<WordNetReader> reader_;
  int lexicographer_file_ = -1;
  std::uint64_t earlier_bytes_ = 0;
};

}  // namespace

WordNetReader::WordNetReader(const std::filesystem::path& path) : name_(path.string()), lines_(path) {}

bool WordNetReader::next(Synset& synset) {
  constexpr std::size_t kOffsetDigits = 8;
  std::string_view line;
  while (lines_.next(line)) {
    if (line.starts_with("  ")) continue;  // the licence
    const std::size_t bar = line.find(" | ");
    const bool fits = line.size() > kOffsetDigits + 3 && all_digits(line.substr(0, kOffsetDigits)) &&
                      line[kOffsetDigits] == ' ' && all_digits(line.substr(kOffsetDigits + 1, 2)) &&
                      bar != std::string_view::npos;
    if (!fits) {
      fail_data("{}:{}: this is no synset of WordNet's data files; install Debian's wordnet-base again",
                name_, lines_.line_number());
    }
    synset.lexicographer_file = (line[kOffsetDigits + 1] - '0') * 10 + (line[kOffsetDigits + 2] - '0');
    synset.gloss = trimmed(line.substr(bar + 3));
    return true;
  }
  return false;
}

std::unique_ptr<TextSource> open_wordnet(const std::vector<std::filesystem::path>& folders) {
  std::vector<InputFile> files;
  for (const std::filesystem::path& folder : folders) {
    for (const char* name : kDataFiles) {
      std::error_code error;
      const std::uintmax_t bytes = std::filesystem::file_size(folder / name, error);
      if (error) {
        fail_data(
            "{} cannot be read: {}; WordNet's files come with Debian's wordnet-base, in /usr/share/wordnet",
            (folder / name).string(), error.message());
      }
      files.push_back({folder / name, bytes, /*named=*/true});
    }
  }
  return std::make_unique<WordNetGlosses>(std::move(files));
}

}  // namespace filigree::text
