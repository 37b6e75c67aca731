#include "filigree/models/bert/fill.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "filigree/base/error.h"
#include "filigree/models/bert/bert_checkpoint.h"
#include "filigree/text/wordpiece.h"

namespace filigree::models {

std::vector<FilledMask> fill_masks(const std::filesystem::path& run_folder, const std::string& text,
                                   int top) {
  const auto path = run::latest_checkpoint(run_folder / "checkpoints");
  if (!path)
    fail_data("{} holds no checkpoint; pre-train with `filigree bert pretrain --run` first",
              run_folder.string());
  const auto tokenizer = text::WordPieceTokenizer::load(run_folder);
  const text::Vocabulary& vocabulary = tokenizer.vocabulary();
  const run::Checkpoint checkpoint(*path, kBertCheckpointKind);
  const BertConfig config =
      bert_config_from_json(checkpoint.state().value("model", nlohmann::json::object()));
  if (config.vocabulary != vocabulary.size()) {
    fail_data("{}: the model knows {} pieces, vocab.txt has {}", run_folder.string(), config.vocabulary,
              vocabulary.size());
  }

  MlmBatch batch;
  batch.batch = 1;
  batch.ids = tokenizer.encode(text, {.keep_special = true});
  batch.ids.insert(batch.ids.begin(), vocabulary.classify_id());
  batch.ids.push_back(vocabulary.separator_id());
  batch.sequence = static_cast<std::int64_t>(batch.ids.size());
  if (batch.sequence > config.max_positions) {
    fail_data("the text has {} pieces, but the model knows {} positions; give a shorter one", batch.sequence,
              config.max_positions);
  }
  batch.lengths = {static_cast<std::int32_t>(batch.sequence)};
  for (std::int64_t i = 0; i < batch.sequence; ++i) {
    if (batch.ids[static_cast<std::size_t>(i)] == vocabulary.mask_id()) batch.positions.push_back(i);
  }
  if (batch.positions.empty()) fail_data("the text has no [MASK] to fill in");

  Bert model(config, /*seed=*/0);
  read_bert_values(checkpoint, model);
  const Tensor scores = model.predict(batch);
  std::vector<FilledMask> filled;
  for (std::int64_t row = 0; row < scores.size(0); ++row) {
    const float* log_p = scores[row].data_ptr<float>();
    std::vector<std::int32_t> order(static_cast<std::size_t>(vocabulary.size()));
    std::iota(order.begin(), order.end(), 0);
    const auto count = std::min<std::ptrdiff_t>(top, vocabulary.size());
    std::partial_sort(order.begin(), order.begin() + count, order.end(),
                      [&](std::int32_t a, std::int32_t b) { return log_p[a] > log_p[b]; });
    FilledMask mask;
    for (std::ptrdiff_t i = 0; i < count; ++i) {
      const std::int32_t id = order[static_cast<std::size_t>(i)];
      mask.best.emplace_back(vocabulary.piece(id), std::exp(static_cast<double>(log_p[id])));
    }
    filled.push_back(std::move(mask));
  }
  return filled;
}

}  // namespace filigree::models
