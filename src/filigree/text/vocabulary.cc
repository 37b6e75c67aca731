#include "filigree/text/vocabulary.h"

#include <xxhash.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "filigree/base/error.h"
#include "filigree/base/file.h"
#include "filigree/text/utf8.h"

namespace filigree::text {
namespace {

// Bytes. Words beyond 100 characters are unknown to BERT; what is far longer is no piece, and would only cost
// the trie its depth.
constexpr std::size_t kLongestPiece = 1000;

std::string as_file(const std::vector<std::string>& pieces) {
  std::string content;
  for (const std::string& piece : pieces) content.append(piece).push_back('\n');
  return content;
}

}  // namespace

Vocabulary::Vocabulary(std::vector<std::string> pieces, const std::string& origin)
    : pieces_(std::move(pieces)) {
  if (pieces_.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    fail_data("{} has {} pieces; at most 2^31 - 1 can be numbered", origin, pieces_.size());
  }
  ids_.reserve(pieces_.size());
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const std::string& piece = pieces_[i];
    const std::size_t line = i + 1;
    if (piece.empty())
      fail_data("{}:{}: an empty line; each line holds one piece, so remove it", origin, line);
    if (first_invalid_utf8(piece) != kValidUtf8) {
      fail_data("{}:{}: the piece is not valid UTF-8; save the file as UTF-8", origin, line);
    }
    if (piece.size() > kLongestPiece) {
      fail_data("{}:{}: a piece of {} bytes matches no word; is this a vocabulary?", origin, line,
                piece.size());
    }
    const auto [known, added] = ids_.emplace(piece, static_cast<std::int32_t>(i));
    if (!added) {
      fail_data("{}:{}: the piece '{}' stands already on line {}; remove one of the two", origin, line, piece,
                known->second + 1);
    }
  }
  for (std::size_t i = 0; i < std::size(kSpecialPieces); ++i) {
    const std::optional<std::int32_t> id = find(kSpecialPieces[i]);
    if (!id) {
      fail_data(
          "{} has no piece {}; BERT needs [PAD], [UNK], [CLS], [SEP] and [MASK], each on a line of its own",
          origin, kSpecialPieces[i]);
    }
    specials_[i] = *id;
  }
  const std::string content = as_file(pieces_);
  hash_ = XXH3_64bits(content.data(), content.size());
}

Vocabulary Vocabulary::load(const std::filesystem::path& path) {
  const std::string content = read_file(path);
  if (content.empty()) fail_data("{} is empty; a vocabulary holds one piece a line", path.string());
  std::vector<std::string> pieces;
  std::size_t begin = 0;
  while (begin < content.size()) {
    const std::size_t end = std::min(content.find('\n', begin), content.size());
    std::string_view piece(content.data() + begin, end - begin);
    if (piece.ends_with('\r')) piece.remove_suffix(1);
    pieces.emplace_back(piece);
    begin = end + 1;
  }
  return Vocabulary(std::move(pieces), path.string());
}

void Vocabulary::save(const std::filesystem::path& path) const {
  write_file_atomically(path, as_file(pieces_));
}

std::optional<std::int32_t> Vocabulary::find(std::string_view piece) const {
  const auto found = ids_.find(piece);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

bool Vocabulary::is_special(std::int32_t id) const {
  return std::find(std::begin(specials_), std::end(specials_), id) != std::end(specials_);
}

}  // namespace filigree::text
