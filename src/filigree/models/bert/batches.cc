#include "filigree/models/bert/batches.h"

#include <algorithm>
#include <numeric>

#include "filigree/base/error.h"

namespace filigree::models {
namespace {

// The pass number that stands for validation: no run trains that long.
constexpr std::uint32_t kValidationPass = 0xFFFFFFFFU;

MlmBatch empty_batch(std::int64_t sequence) {
  MlmBatch batch;
  batch.sequence = sequence;
  return batch;
}

}  // namespace

Batches::Batches(const text::Corpus& corpus, const text::Vocabulary& vocabulary, std::int64_t sequence,
                 bool next_sentence, const MaskingConfig& masking, std::uint64_t seed,
                 const std::string& name)
    : corpus_(corpus),
      vocabulary_(vocabulary),
      sequence_(sequence),
      next_sentence_(next_sentence),
      masker_(vocabulary, masking),
      seed_(seed) {
  corpus.check_vocabulary(vocabulary);
  windows_ = cut_windows(corpus, vocabulary, sequence - special_tokens(next_sentence));
  if (windows_.empty()) fail_data("the {} has no paragraph of {} tokens or more", name, kShortestWindow);
  const auto teaches = [&](const Window& window) {
    const std::vector<std::int32_t> ids = tokens(window.begin, window.length);
    return std::any_of(ids.begin(), ids.end(), [&](std::int32_t id) { return !vocabulary.is_special(id); });
  };
  if (std::none_of(windows_.begin(), windows_.end(), teaches)) {
    fail_data(
        "the sequences of the {} hold nothing but [UNK], so that no token can be predicted; prepare the text "
        "with a vocabulary that fits it",
        name);
  }
  if (next_sentence && windows_.front().document == windows_.back().document) {
    fail_data(
        "--next-sentence needs a corpus of at least two documents (a blank line ends one); the {} has one",
        name);
  }
}

MlmBatch Batches::training(std::int64_t index, std::int64_t size) {
  MlmBatch batch = empty_batch(sequence_);
  for (std::int64_t i = 0; i < size; ++i) {
    const std::int64_t number = index * size + i;
    const std::int64_t pass = number / sequences();
    const std::uint32_t window = order(pass)[static_cast<std::size_t>(number % sequences())];
    append(window, window, static_cast<std::uint32_t>(pass), batch);
  }
  return batch;
}

MlmBatch Batches::validation(std::int64_t index, std::int64_t size) const {
  // A stride that shares no factor with the number of windows visits them all, spread over the corpus.
  const std::int64_t count = sequences();
  std::int64_t stride =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(count) * 0.618));
  while (std::gcd(stride, count) != 1) ++stride;
  MlmBatch batch = empty_batch(sequence_);
  for (std::int64_t i = index * size; i < std::min(count, (index + 1) * size); ++i) {
    const std::int64_t window = i * stride % count;
    append(window, static_cast<std::uint64_t>(window), kValidationPass, batch);
  }
  return batch;
}

void Batches::append(std::int64_t window_index, std::uint64_t stream, std::uint32_t pass,
                     MlmBatch& batch) const {
  const Window& window = windows_[static_cast<std::size_t>(window_index)];
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> types;
  if (next_sentence_) {
    Philox random(seed_, Purpose::kNextSentence, stream, pass);
    batch.next_labels.push_back(join_segments(window, random, ids, types));
  } else {
    ids = tokens(window.begin, window.length);
    ids.insert(ids.begin(), vocabulary_.classify_id());
    ids.push_back(vocabulary_.separator_id());
  }
  Philox random(seed_, Purpose::kMasking, stream, pass);
  const std::size_t first = batch.positions.size();
  masker_.mask(random, ids, batch.positions, batch.labels);
  for (std::size_t i = first; i < batch.positions.size(); ++i) batch.positions[i] += batch.batch * sequence_;

  batch.lengths.push_back(static_cast<std::int32_t>(ids.size()));
  ids.resize(static_cast<std::size_t>(sequence_), vocabulary_.pad_id());
  batch.ids.insert(batch.ids.end(), ids.begin(), ids.end());
  if (next_sentence_) {
    types.resize(static_cast<std::size_t>(sequence_), 0);
    batch.type_ids.insert(batch.type_ids.end(), types.begin(), types.end());
  }
  ++batch.batch;
}

std::int64_t Batches::join_segments(const Window& window, Philox& random, std::vector<std::int32_t>& ids,
                                    std::vector<std::int32_t>& types) const {
  const std::vector<std::int32_t> all = tokens(window.begin, window.length);
  // A ends in front of a word, in the middle half of the window where it can.
  const auto half = static_cast<std::uint64_t>(all.size()) / 2;
  std::uint64_t split = all.size() / 4 + random.below(half + 1);
  split = std::clamp<std::uint64_t>(split, 1, all.size() - 1);
  while (split > 1 && vocabulary_.is_continuation(all[split])) --split;
  std::vector<std::int32_t> second(all.begin() + static_cast<std::ptrdiff_t>(split), all.end());
  const bool is_random = random.uniform() < 0.5;
  if (is_random) {
    const Window& other = random_window_outside(window.document, random);
    second = tokens(other.begin, std::min<std::uint64_t>(other.length, all.size() - split));
  }
  ids = {vocabulary_.classify_id()};
  ids.insert(ids.end(), all.begin(), all.begin() + static_cast<std::ptrdiff_t>(split));
  ids.push_back(vocabulary_.separator_id());
  types.assign(ids.size(), 0);
  ids.insert(ids.end(), second.begin(), second.end());
  ids.push_back(vocabulary_.separator_id());
  types.resize(ids.size(), 1);
  return is_random ? 1 : 0;
}

const Window& Batches::random_window_outside(std::uint32_t document, Philox& random) const {
  // A document's windows lie together: draw among the others.
  const auto by_document = [](const Window& w, std::uint32_t d) { return w.document < d; };
  const auto first = std::lower_bound(windows_.begin(), windows_.end(), document, by_document);
  const auto last = std::lower_bound(first, windows_.end(), document + 1, by_document);
  const auto before = static_cast<std::uint64_t>(first - windows_.begin());
  const auto inside = static_cast<std::uint64_t>(last - first);
  const std::uint64_t drawn = random.below(windows_.size() - inside);
  return windows_[static_cast<std::size_t>(drawn < before ? drawn : drawn + inside)];
}

std::vector<std::int32_t> Batches::tokens(std::uint64_t begin, std::uint64_t count) const {
  std::vector<std::int32_t> out(static_cast<std::size_t>(count));
  corpus_.copy_tokens(begin, count, out.data());
  return out;
}

const std::vector<std::uint32_t>& Batches::order(std::int64_t pass) {
  if (pass != ordered_pass_) {
    order_.resize(windows_.size());
    std::iota(order_.begin(), order_.end(), 0U);
    Philox random(seed_, Purpose::kShuffle, static_cast<std::uint64_t>(pass));
    random.shuffle(order_);
    ordered_pass_ = pass;
  }
  return order_;
}

}  // namespace filigree::models
