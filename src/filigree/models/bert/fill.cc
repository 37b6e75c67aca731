#include "filigree/models/bert/fill.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "filigree/base/error.h"
#include "filigree/models/bert/bert_checkpoint.h"

namespace filigree::models {
namespace {

std::filesystem::path last_checkpoint(const std::filesystem::path& run_folder) {
  const auto path = run::latest_checkpoint(run_folder / "checkpoints");
  if (!path) {
    fail_data("{} holds no checkpoint; pre-train with `filigree bert pretrain --run` first",
              run_folder.string());
  }
  return *path;
}

// The `count` best of a row of log-probabilities.
FilledMask best_of(const float* log_p, const text::Vocabulary& vocabulary, int count) {
  const auto size = static_cast<std::size_t>(vocabulary.size());
  if (!std::all_of(log_p, log_p + size, [](float p) { return !std::isnan(p); })) {
    fail_data("the model gives NaN: its weights are damaged");
  }
  std::vector<std::int32_t> order(size);
  std::iota(order.begin(), order.end(), 0);
  const auto kept = std::min<std::ptrdiff_t>(count, vocabulary.size());
  std::partial_sort(order.begin(), order.begin() + kept, order.end(),
                    [&](std::int32_t a, std::int32_t b) { return log_p[a] > log_p[b]; });
  FilledMask mask;
  for (std::ptrdiff_t i = 0; i < kept; ++i) {
    const std::int32_t id = order[static_cast<std::size_t>(i)];
    mask.best.emplace_back(vocabulary.piece(id), std::exp(static_cast<double>(log_p[id])));
  }
  return mask;
}

}  // namespace

MaskFiller::MaskFiller(const std::filesystem::path& run_folder, const std::filesystem::path& wanted)
    : tokenizer_([&] {
        // A folder without one is told so before its vocabulary is missed.
        if (wanted.empty()) (void)last_checkpoint(run_folder);
        return text::WordPieceTokenizer::load(run_folder);
      }()) {
  const run::Checkpoint checkpoint(wanted.empty() ? last_checkpoint(run_folder) : wanted, kBertCheckpointKind,
                                   "--checkpoint");
  model_ = load_bert(checkpoint);
  if (model_->config().vocabulary != tokenizer_.vocabulary().size()) {
    fail_data("{}: the model knows {} pieces, vocab.txt has {}", run_folder.string(),
              model_->config().vocabulary, tokenizer_.vocabulary().size());
  }
  const nlohmann::json facts = checkpoint.state().value("facts", nlohmann::json::object());
  // Another vocabulary of that size would give other words for the same ids.
  const auto hash = facts.find(kVocabularyHashFact);
  if (hash != facts.end() && *hash != hash_text(tokenizer_.vocabulary().hash())) {
    fail_data("{}: its vocab.txt is not the one that the model was trained with; copy that of its --data",
              run_folder.string());
  }
  const auto trained = facts.find("sequence");
  longest_ = trained != facts.end() && trained->is_number_integer()
                 ? std::min(trained->get<std::int64_t>(), model_->config().max_positions)
                 : model_->config().max_positions;
}

MaskFiller::~MaskFiller() = default;

std::vector<FilledMask> MaskFiller::fill(const std::string& text, int top) const {
  const text::Vocabulary& vocabulary = tokenizer_.vocabulary();
  MlmBatch batch;
  batch.batch = 1;
  batch.ids = tokenizer_.encode(text, {.keep_special = true});
  batch.ids.insert(batch.ids.begin(), vocabulary.classify_id());
  batch.ids.push_back(vocabulary.separator_id());
  batch.sequence = static_cast<std::int64_t>(batch.ids.size());
  if (batch.sequence > longest_) {
    fail_data(
        "the text has {} pieces with [CLS] and [SEP], but the model was trained on at most {}; give a "
        "shorter one",
        batch.sequence, longest_);
  }
  batch.lengths = {static_cast<std::int32_t>(batch.sequence)};
  for (std::int64_t i = 0; i < batch.sequence; ++i) {
    if (batch.ids[static_cast<std::size_t>(i)] == vocabulary.mask_id()) batch.positions.push_back(i);
  }
  if (batch.positions.empty()) fail_data("the text has no [MASK] to fill in");

  const Tensor scores = model_->predict(batch);
  std::vector<FilledMask> filled;
  for (std::int64_t row = 0; row < scores.size(0); ++row) {
    filled.push_back(best_of(scores[row].data_ptr<float>(), vocabulary, top));
  }
  return filled;
}

}  // namespace filigree::models
