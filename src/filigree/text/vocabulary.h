// The pieces of a WordPiece vocabulary, as in BERT's vocab.txt: one a line, the id is the line's index.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace filigree::text {

inline constexpr std::string_view kPad = "[PAD]";
inline constexpr std::string_view kUnknown = "[UNK]";
inline constexpr std::string_view kClassify = "[CLS]";
inline constexpr std::string_view kSeparator = "[SEP]";
inline constexpr std::string_view kMask = "[MASK]";
inline constexpr std::string_view kSpecialPieces[] = {kPad, kUnknown, kClassify, kSeparator, kMask};
// Begins a piece that continues a word.
inline constexpr std::string_view kContinuation = "##";

class Vocabulary {
 public:
  // `origin` names the vocabulary in messages.
  // Errors (bad data): an empty or repeated piece, invalid UTF-8, a special piece that is missing.
  explicit Vocabulary(std::vector<std::string> pieces, const std::string& origin = "the vocabulary");
  // Errors (bad data): those above, with the line; a missing or empty file.
  static Vocabulary load(const std::filesystem::path& path);
  // Writes vocab.txt atomically.
  void save(const std::filesystem::path& path) const;

  // The views in the index point into the pieces: a move keeps them, a copy would not.
  Vocabulary(Vocabulary&&) noexcept = default;
  Vocabulary& operator=(Vocabulary&&) noexcept = default;

  std::int32_t size() const { return static_cast<std::int32_t>(pieces_.size()); }
  // 0 <= id < size().
  const std::string& piece(std::int32_t id) const { return pieces_[static_cast<std::size_t>(id)]; }
  const std::vector<std::string>& pieces() const { return pieces_; }
  std::optional<std::int32_t> find(std::string_view piece) const;
  // True where the piece continues a word ("##ing"). 0 <= id < size().
  bool is_continuation(std::int32_t id) const { return piece(id).starts_with(kContinuation); }
  bool is_special(std::int32_t id) const;

  std::int32_t pad_id() const { return specials_[0]; }
  std::int32_t unknown_id() const { return specials_[1]; }
  std::int32_t classify_id() const { return specials_[2]; }
  std::int32_t separator_id() const { return specials_[3]; }
  std::int32_t mask_id() const { return specials_[4]; }

  // XXH3-64 of the pieces, each followed by a line feed: what ties a corpus or a model to its vocabulary.
  std::uint64_t hash() const { return hash_; }

 private:
  std::vector<std::string> pieces_;
  std::unordered_map<std::string_view, std::int32_t> ids_;
  std::int32_t specials_[std::size(kSpecialPieces)] = {};
  std::uint64_t hash_ = 0;
};

}  // namespace filigree::text
