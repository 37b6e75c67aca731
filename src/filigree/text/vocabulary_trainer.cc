#include "filigree/text/vocabulary_trainer.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <queue>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/text/utf8.h"

namespace filigree::text {
namespace {

using Id = std::int32_t;
using PairKey = std::uint64_t;

PairKey pair_key(Id left, Id right) {
  return (static_cast<PairKey>(static_cast<std::uint32_t>(left)) << 32U) | static_cast<std::uint32_t>(right);
}
Id left_of(PairKey key) { return static_cast<Id>(key >> 32U); }
Id right_of(PairKey key) { return static_cast<Id>(key & 0xFFFFFFFFU); }

class Trainer {
 public:
  Trainer(const WordTable& words, const VocabularyTrainerOptions& options) : options_(options) {
    for (const std::string_view special : kSpecialPieces) add_piece(std::string(special));
    add_alphabet(words);
    spell_words(words);
    for (std::uint32_t word = 0; word < words_.size(); ++word) change_pairs(word, +1, -1);
    for (const auto& [key, pair] : pairs_) queue_.push({pair.count, key});
  }

  std::vector<std::string> run() {
    constexpr std::size_t kPiecesPerReport = 64;
    while (pieces_.size() < static_cast<std::size_t>(options_.vocabulary_size) && !queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      const auto pair = pairs_.find(best.key);
      if (pair == pairs_.end()) continue;
      if (pair->second.count != best.count) {
        // It lost occurrences to other merges since it was queued.
        if (pair->second.count > 0) queue_.push({pair->second.count, best.key});
        continue;
      }
      if (best.count < static_cast<std::int64_t>(options_.min_frequency)) break;
      merge(best.key);
      if (options_.progress && pieces_.size() % kPiecesPerReport == 0) options_.progress(pieces_.size());
    }
    return std::move(pieces_);
  }

 private:
  struct Word {
    std::size_t begin;  // of its pieces in symbols_
    std::uint32_t length;
    std::int64_t count;
  };
  struct Pair {
    std::int64_t count = 0;
    std::vector<std::uint32_t> words;  // where it is or was; repeats do no harm
  };
  struct Candidate {
    std::int64_t count;
    PairKey key;
    // The queue's top is the most frequent, then the one of smaller ids.
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : key > other.key;
    }
  };

  Id add_piece(std::string piece) {
    const auto [known, added] = ids_.emplace(std::move(piece), static_cast<Id>(pieces_.size()));
    if (added) pieces_.push_back(known->first);
    return known->second;
  }

  void add_alphabet(const WordTable& words) {
    std::map<char32_t, std::uint64_t> counts;
    for (std::size_t i = 0; i < words.size(); ++i) {
      const std::string_view word = words.word(i);
      for (std::size_t offset = 0; offset < word.size();)
        counts[next_code_point(word, offset)] += words.count(i);
    }
    std::vector<std::pair<char32_t, std::uint64_t>> sorted(counts.begin(), counts.end());
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    const int limit = std::min(options_.alphabet_limit, options_.vocabulary_size / 4);
    if (sorted.size() > static_cast<std::size_t>(limit)) sorted.resize(static_cast<std::size_t>(limit));
    std::sort(sorted.begin(), sorted.end());
    for (const auto& [character, count] : sorted) {
      std::string piece;
      append_utf8(character, piece);
      add_piece(std::move(piece));
    }
  }

  // The pieces of one character each; empty where one is not in the alphabet.
  std::vector<std::string> spelled(std::string_view word) const {
    std::vector<std::string> spelling;
    for (std::size_t offset = 0; offset < word.size();) {
      const std::size_t begin = offset;
      next_code_point(word, offset);
      std::string character(word.substr(begin, offset - begin));
      if (!ids_.contains(character)) return {};
      spelling.push_back(begin == 0 ? character : std::string(kContinuation) + character);
    }
    return spelling;
  }

  void spell_words(const WordTable& words) {
    std::vector<std::size_t> order(words.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return words.word(a) < words.word(b); });
    std::set<std::string> continuing;
    for (const std::size_t i : order) {
      const std::vector<std::string> spelling = spelled(words.word(i));
      if (spelling.size() > 1) continuing.insert(spelling.begin() + 1, spelling.end());
    }
    for (const std::string& piece : continuing) add_piece(piece);
    for (const std::size_t i : order) {
      const std::vector<std::string> spelling = spelled(words.word(i));
      if (spelling.size() < 2) continue;  // nothing to merge
      words_.push_back({symbols_.size(), static_cast<std::uint32_t>(spelling.size()),
                        static_cast<std::int64_t>(words.count(i))});
      for (const std::string& piece : spelling) symbols_.push_back(ids_.at(piece));
    }
  }

  // Adds (sign +1) or takes away (-1) the pairs of a word. With sign +1, notes the word at those that hold
  // `only`, or at all where it is -1.
  void change_pairs(std::uint32_t index, int sign, Id only) {
    const Word& word = words_[index];
    for (std::size_t i = word.begin; i + 1 < word.begin + word.length; ++i) {
      const PairKey key = pair_key(symbols_[i], symbols_[i + 1]);
      Pair& pair = pairs_[key];
      pair.count += sign * word.count;
      if (sign > 0 && (only < 0 || symbols_[i] == only || symbols_[i + 1] == only)) {
        pair.words.push_back(index);
        if (only >= 0) grown_.push_back(key);
      }
    }
  }

  void merge(PairKey key) {
    const Id left = left_of(key);
    const Id right = right_of(key);
    const std::string merged = pieces_[static_cast<std::size_t>(left)] +
                               pieces_[static_cast<std::size_t>(right)].substr(kContinuation.size());
    // Another pair may have given the same piece before: "a ##bc" after "ab ##c".
    const Id id = add_piece(merged);
    const std::vector<std::uint32_t> affected = std::move(pairs_[key].words);
    grown_.clear();
    for (const std::uint32_t index : affected) {
      Word& word = words_[index];
      Id* symbols = symbols_.data() + word.begin;
      std::uint32_t matches = 0;
      for (std::uint32_t i = 0; i + 1 < word.length; ++i)
        matches += symbols[i] == left && symbols[i + 1] == right ? 1 : 0;
      if (matches == 0) continue;
      change_pairs(index, -1, id);
      std::uint32_t length = 0;
      for (std::uint32_t i = 0; i < word.length; ++i) {
        const bool match = i + 1 < word.length && symbols[i] == left && symbols[i + 1] == right;
        symbols[length++] = match ? id : symbols[i];
        if (match) ++i;
      }
      word.length = length;
      change_pairs(index, +1, id);
    }
    pairs_.erase(key);
    std::sort(grown_.begin(), grown_.end());
    grown_.erase(std::unique(grown_.begin(), grown_.end()), grown_.end());
    for (const PairKey grown : grown_) queue_.push({pairs_[grown].count, grown});
  }

  VocabularyTrainerOptions options_;
  std::vector<std::string> pieces_;
  std::unordered_map<std::string, Id> ids_;
  std::vector<Word> words_;
  std::vector<Id> symbols_;
  std::unordered_map<PairKey, Pair> pairs_;
  std::priority_queue<Candidate> queue_;
  std::vector<PairKey> grown_;  // pairs that the current merge made more frequent
};

}  // namespace

Vocabulary train_vocabulary(const WordTable& words, const VocabularyTrainerOptions& options) {
  if (options.vocabulary_size < 32 || options.alphabet_limit < 1 || options.min_frequency < 1) {
    fail_usage(
        "a vocabulary needs at least 32 pieces, an alphabet of one character, and a frequency of 1; {}, {}, "
        "{} were asked for",
        options.vocabulary_size, options.alphabet_limit, options.min_frequency);
  }
  if (words.size() == 0)
    fail_data("there are no words to learn a vocabulary from; is the input the right one?");
  return Vocabulary(Trainer(words, options).run(), "the new vocabulary");
}

}  // namespace filigree::text
