#include "filigree/text/piece_trie.h"

#include <algorithm>
#include <limits>

namespace filigree::text {
namespace {

constexpr std::size_t kBytes = 256;

}  // namespace

PieceTrie::PieceTrie(const Vocabulary& vocabulary) {
  std::vector<Key> initial;
  std::vector<Key> continuing;
  for (std::int32_t id = 0; id < vocabulary.size(); ++id) {
    std::string_view piece = vocabulary.piece(id);
    if (vocabulary.is_continuation(id)) {
      piece.remove_prefix(kContinuation.size());
      continuing.push_back({piece, id});
    } else {
      initial.push_back({piece, id});
    }
  }
  nodes_.resize(2 + kBytes);
  for (const std::int32_t root : {kInitialRoot, kContinuationRoot}) {
    nodes_[static_cast<std::size_t>(root)].parent =
        std::numeric_limits<std::int32_t>::max();  // taken; nobody's child
  }
  for (std::vector<Key>* keys : {&initial, &continuing}) {
    std::sort(keys->begin(), keys->end(), [](const Key& a, const Key& b) { return a.text < b.text; });
    insert(*keys, 0, keys->size(), 0, keys == &initial ? kInitialRoot : kContinuationRoot);
  }
}

// Keys [begin, end) agree in their first `depth` bytes, which lead to `node`.
void PieceTrie::insert(const std::vector<Key>& keys, std::size_t begin, std::size_t end, std::size_t depth,
                       std::int32_t node) {
  if (begin < end && keys[begin].text.size() == depth) {
    node_at(node).id = keys[begin].id;
    ++begin;
  }
  std::vector<unsigned char> labels;
  std::vector<std::size_t> starts;
  for (std::size_t k = begin; k < end; ++k) {
    const auto label = static_cast<unsigned char>(keys[k].text[depth]);
    if (!labels.empty() && labels.back() == label) continue;
    labels.push_back(label);
    starts.push_back(k);
  }
  if (labels.empty()) return;
  starts.push_back(end);
  const std::int32_t base = find_base(labels);
  node_at(node).base = base;
  for (const unsigned char label : labels) node_at(base + label).parent = node;
  for (std::size_t i = 0; i < labels.size(); ++i)
    insert(keys, starts[i], starts[i + 1], depth + 1, base + labels[i]);
}

// First fit. A base at or above 2 keeps a label 0 away from the roots. Where the front of the array is so
// full that a search was long, later searches for as many labels begin behind it: some holes stay, and
// building stays linear.
std::int32_t PieceTrie::find_base(const std::vector<unsigned char>& labels) {
  constexpr int kLongSearch = 32;
  const auto taken = [&](std::size_t place) { return nodes_[place].parent >= 0; };
  std::size_t& start = search_from_[std::min(labels.size(), search_from_.size()) - 1];
  int tries = 0;
  for (std::size_t first = std::max(start, std::size_t{2} + labels[0]);; ++first, ++tries) {
    const std::size_t base = first - labels[0];
    if (base + 2 * kBytes > nodes_.size()) nodes_.resize(nodes_.size() * 2 + 2 * kBytes);
    if (std::none_of(labels.begin(), labels.end(),
                     [&](unsigned char label) { return taken(base + label); })) {
      if (tries > kLongSearch || labels.size() == 1) start = first;
      return static_cast<std::int32_t>(base);
    }
  }
}

}  // namespace filigree::text
