// A double-array trie over the bytes of pieces (Aoe, 1989): longest matches in one walk.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "filigree/text/vocabulary.h"

namespace filigree::text {

class PieceTrie {
 public:
  struct Match {
    std::int32_t id = -1;  // -1: no piece matches
    std::size_t bytes = 0;
  };

  explicit PieceTrie(const Vocabulary& vocabulary);

  // The longest piece that `text` starts with: among those that begin a word, or those that continue one
  // (found without their "##").
  Match longest(std::string_view text, bool continuation) const {
    Match match;
    std::int32_t node = continuation ? kContinuationRoot : kInitialRoot;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const std::int32_t child =
          nodes_[static_cast<std::size_t>(node)].base + static_cast<unsigned char>(text[i]);
      const Node& next = nodes_[static_cast<std::size_t>(child)];
      if (next.parent != node) break;
      node = child;
      if (next.id >= 0) match = {next.id, i + 1};
    }
    return match;
  }

 private:
  static constexpr std::int32_t kInitialRoot = 0;
  static constexpr std::int32_t kContinuationRoot = 1;

  struct Node {
    std::int32_t base = 0;     // child of byte b: base + b
    std::int32_t parent = -1;  // -1: free
    std::int32_t id = -1;
  };
  struct Key {
    std::string_view text;
    std::int32_t id;
  };

  Node& node_at(std::int32_t index) { return nodes_[static_cast<std::size_t>(index)]; }
  void insert(const std::vector<Key>& keys, std::size_t begin, std::size_t end, std::size_t depth,
              std::int32_t node);
  std::int32_t find_base(const std::vector<unsigned char>& labels);

  std::vector<Node> nodes_;
  std::array<std::size_t, 8> search_from_{};  // by the number of labels
};

}  // namespace filigree::text
