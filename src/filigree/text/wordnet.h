// The glosses of WordNet: 117,659 short English texts that Debian's wordnet-base brings along.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "filigree/text/line_reader.h"
#include "filigree/text/text_source.h"

namespace filigree::text {

// A synset of a data file (man wndb: offset, number of the lexicographer file, type, words and pointers,
// gloss).
struct Synset {
  int lexicographer_file = 0;
  std::string_view gloss;  // without white space at its ends
};

// Reads data.noun, data.verb, data.adj or data.adv.
class WordNetReader {
 public:
  // Errors (bad data): the file is missing.
  explicit WordNetReader(const std::filesystem::path& path);
  // Gives the next synset; false at the end. The gloss holds until the next call.
  // Errors (bad data): a line that is no synset, with its number.
  bool next(Synset& synset);
  const LineReader& lines() const { return lines_; }

 private:
  std::string name_;
  LineReader lines_;
};

// Each gloss is a paragraph and each lexicographer file (noun.animal, verb.motion) a document, in the order
// of data.noun, data.verb, data.adj, data.adv in each of `folders`. Errors (bad data): a folder without these
// files.
std::unique_ptr<TextSource> open_wordnet(const std::vector<std::filesystem::path>& folders);

}  // namespace filigree::text
