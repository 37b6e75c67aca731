// Counts words: a hash table whose words lie in one string.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace filigree::text {

// Words are numbered in the order in which they came first.
class WordTable {
 public:
  void add(std::string_view word, std::uint64_t count = 1);
  void clear();

  std::size_t size() const { return entries_.size(); }
  std::string_view word(std::size_t index) const {
    return std::string_view(text_).substr(entries_[index].begin, entries_[index].size);
  }
  std::uint64_t count(std::size_t index) const { return entries_[index].count; }

  // Drops the rarest words, all with the same count or none of them, until at most `most` are left. Returns
  // the largest count that was dropped, 0 for none.
  std::uint64_t keep_most_frequent(std::size_t most);

 private:
  struct Entry {
    std::uint64_t count;
    std::uint64_t begin;
    std::uint32_t size;
    std::uint32_t hash;
  };

  void grow();

  std::string text_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;  // index + 1; 0 is free. A power of two, at most half full.
};

}  // namespace filigree::text
