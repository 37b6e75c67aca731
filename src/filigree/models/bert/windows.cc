#include "filigree/models/bert/windows.h"

#include <algorithm>

namespace filigree::models {
namespace {

class Cutter {
 public:
  Cutter(const text::Corpus& corpus, const text::Vocabulary& vocabulary, std::uint64_t capacity)
      : corpus_(corpus), continues_(static_cast<std::size_t>(vocabulary.size())), capacity_(capacity) {
    for (std::int32_t id = 0; id < vocabulary.size(); ++id) {
      continues_[static_cast<std::size_t>(id)] = vocabulary.is_continuation(id);
    }
  }

  void document(std::uint64_t index) {
    document_ = static_cast<std::uint32_t>(index);
    const std::uint64_t last = corpus_.document_begin(index + 1);
    begin_ = end_ = corpus_.paragraph_begin(corpus_.document_begin(index));
    for (std::uint64_t p = corpus_.document_begin(index); p < last; ++p)
      paragraph(corpus_.paragraph_begin(p + 1));
    close(end_);
  }

  std::vector<Window> take() { return std::move(windows_); }

 private:
  // Appends the tokens up to `paragraph_end`.
  void paragraph(std::uint64_t paragraph_end) {
    if (paragraph_end - begin_ > capacity_ && 4 * (end_ - begin_) >= 3 * capacity_) close(end_);
    while (paragraph_end - begin_ > capacity_) close(word_start(begin_ + capacity_));
    end_ = paragraph_end;
  }

  void close(std::uint64_t at) {
    if (at - begin_ >= kShortestWindow)
      windows_.push_back({begin_, static_cast<std::uint32_t>(at - begin_), document_});
    begin_ = at;
    end_ = std::max(end_, at);
  }

  // The last place at or before `at` where a word starts; `at` itself where one word fills the window.
  std::uint64_t word_start(std::uint64_t at) const {
    for (std::uint64_t place = at; place > begin_; --place) {
      std::int32_t token = 0;
      corpus_.copy_tokens(place, 1, &token);
      if (!continues_[static_cast<std::size_t>(token)]) return place;
    }
    return at;
  }

  const text::Corpus& corpus_;
  std::vector<bool> continues_;
  std::uint64_t capacity_;
  std::uint32_t document_ = 0;
  std::uint64_t begin_ = 0;  // of the open window
  std::uint64_t end_ = 0;    // of the whole paragraphs in it
  std::vector<Window> windows_;
};

}  // namespace

std::vector<Window> cut_windows(const text::Corpus& corpus, const text::Vocabulary& vocabulary,
                                std::int64_t capacity) {
  Cutter cutter(corpus, vocabulary, static_cast<std::uint64_t>(capacity));
  for (std::uint64_t d = 0; d < corpus.document_count(); ++d) cutter.document(d);
  return cutter.take();
}

}  // namespace filigree::models
