// Learns a WordPiece vocabulary from the counts of words, as Hugging Face's BertWordPieceTrainer does:
// byte-pair encoding's merges of the most frequent pair (Sennrich et al., arXiv 1508.07909) over pieces
// marked with "##".
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "filigree/text/vocabulary.h"
#include "filigree/text/word_table.h"

namespace filigree::text {

struct VocabularyTrainerOptions {
  // Pieces, with the five special ones. Fewer come out where no pair is frequent enough.
  int vocabulary_size = 8192;
  // Pairs that occur less often are not merged.
  std::uint64_t min_frequency = 2;
  // Single characters at most; also at most a quarter of the vocabulary, since each may give two pieces ("a",
  // "##a"). Words with rarer characters are left out.
  int alphabet_limit = 1000;
  // Called now and then with the number of pieces so far; may throw, to stop.
  std::function<void(std::size_t)> progress = nullptr;
};

// Special pieces first, then the characters by code point, then what continues a word, then merges in their
// order. Among pairs of equal frequency, the one of smaller ids is merged first: the result follows from the
// words and their counts, in whatever order they come. Errors: options out of range (usage); no words (bad
// data).
Vocabulary train_vocabulary(const WordTable& words, const VocabularyTrainerOptions& options);

}  // namespace filigree::text
