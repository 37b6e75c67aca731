#include "filigree/models/bert/masking.h"

#include <algorithm>
#include <cmath>

namespace filigree::models {

std::int64_t MaskingConfig::predictions(std::int64_t tokens) const {
  const auto wanted = static_cast<std::int64_t>(std::llround(share * static_cast<double>(tokens)));
  return std::min({std::max<std::int64_t>(1, wanted), most, tokens});
}

Masker::Masker(const text::Vocabulary& vocabulary, const MaskingConfig& config)
    : config_(config), mask_id_(vocabulary.mask_id()) {
  for (std::int32_t id = 0; id < vocabulary.size(); ++id) {
    special_.push_back(vocabulary.is_special(id));
    continues_.push_back(vocabulary.is_continuation(id));
    if (!vocabulary.is_special(id)) ordinary_.push_back(id);
  }
}

void Masker::mask(Philox& random, std::span<std::int32_t> ids, std::vector<std::int64_t>& places,
                  std::vector<std::int64_t>& labels) const {
  struct Word {
    std::int64_t begin;
    std::int64_t end;
  };
  std::vector<Word> words;
  std::int64_t tokens = 0;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(ids.size()); ++i) {
    const auto id = static_cast<std::size_t>(ids[static_cast<std::size_t>(i)]);
    if (special_[id]) continue;
    ++tokens;
    const bool joins = config_.whole_word && continues_[id] && !words.empty() && words.back().end == i;
    if (joins) {
      words.back().end = i + 1;
    } else {
      words.push_back({i, i + 1});
    }
  }
  const std::int64_t limit = config_.predictions(tokens);

  random.shuffle(words);
  const std::size_t first = places.size();
  std::int64_t left = limit;
  for (const Word& word : words) {
    if (word.end - word.begin > left) continue;
    for (std::int64_t i = word.begin; i < word.end; ++i) places.push_back(i);
    left -= word.end - word.begin;
    if (left == 0) break;
  }
  // Every word was too long: the beginning of one, so that each sequence teaches something.
  if (places.size() == first && !words.empty()) {
    for (std::int64_t i = 0; i < limit; ++i) places.push_back(words.front().begin + i);
  }
  std::sort(places.begin() + static_cast<std::ptrdiff_t>(first), places.end());
  for (std::size_t i = first; i < places.size(); ++i) {
    std::int32_t& id = ids[static_cast<std::size_t>(places[i])];
    labels.push_back(id);
    const double draw = random.uniform();
    if (draw < 0.8) {
      id = mask_id_;
    } else if (draw < 0.9) {
      id = ordinary_[static_cast<std::size_t>(random.below(ordinary_.size()))];
    }
  }
}

}  // namespace filigree::models
