#include "filigree/text/word_table.h"

#include <xxhash.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace filigree::text {

void WordTable::add(std::string_view word, std::uint64_t count) {
  if (slots_.size() < 2 * (entries_.size() + 1)) grow();
  const auto hash = static_cast<std::uint32_t>(XXH3_64bits(word.data(), word.size()));
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
    Entry& entry = entries_[slots_[slot] - 1];
    if (entry.hash == hash && entry.size == word.size() &&
        text_.compare(entry.begin, entry.size, word) == 0) {
      entry.count += count;
      return;
    }
  }
  entries_.push_back({count, text_.size(), static_cast<std::uint32_t>(word.size()), hash});
  slots_[slot] = static_cast<std::uint32_t>(entries_.size());
  text_.append(word);
}

void WordTable::clear() {
  text_.clear();
  entries_.clear();
  std::fill(slots_.begin(), slots_.end(), 0);
}

void WordTable::grow() {
  slots_.assign(std::max<std::size_t>(1024, slots_.size() * 2), 0);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    std::size_t slot = entries_[i].hash & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<std::uint32_t>(i + 1);
  }
}

std::uint64_t WordTable::keep_most_frequent(std::size_t most) {
  if (size() <= most) return 0;
  std::vector<std::uint64_t> counts(size());
  for (std::size_t i = 0; i < size(); ++i) counts[i] = count(i);
  const auto last_dropped = counts.begin() + static_cast<std::ptrdiff_t>(most);
  std::nth_element(counts.begin(), last_dropped, counts.end(), std::greater<>());
  const std::uint64_t threshold = *last_dropped;
  WordTable kept;
  for (std::size_t i = 0; i < size(); ++i) {
    if (count(i) > threshold) kept.add(word(i), count(i));
  }
  *this = std::move(kept);
  return threshold;
}

}  // namespace filigree::text
