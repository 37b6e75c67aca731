// A corpus cut into training sequences.
#pragma once

#include <cstdint>
#include <vector>

#include "filigree/text/corpus.h"
#include "filigree/text/vocabulary.h"

namespace filigree::models {

// Of fewer tokens nothing can be learned.
inline constexpr std::uint64_t kShortestWindow = 4;

// Consecutive tokens of one document.
struct Window {
  std::uint64_t begin;   // token
  std::uint32_t length;  // tokens
  std::uint32_t document;
};

// Packs a document's paragraphs one after another into windows of at most `capacity` tokens. A window ends at
// a paragraph's end where the next paragraph does not fit and the window is at least three quarters full;
// otherwise the paragraph is cut, in front of a word. Windows never cross documents; those of fewer than
// kShortestWindow tokens are left out. In the corpus's order.
std::vector<Window> cut_windows(const text::Corpus& corpus, const text::Vocabulary& vocabulary,
                                std::int64_t capacity);

}  // namespace filigree::models
