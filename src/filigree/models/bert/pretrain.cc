#include "filigree/models/bert/pretrain.h"

#include "filigree/models/bert/train_step.h"
//
#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "filigree/base/error.h"
#include "filigree/base/interrupt.h"
#include "filigree/base/log.h"
#include "filigree/base/progress.h"
#include "filigree/models/bert/batches.h"
#include "filigree/models/bert/bert_checkpoint.h"
#include "filigree/models/bert/flops.h"
#include "filigree/models/bert/pretrain_report.h"
#include "filigree/models/bert/record_batches.h"
#include "filigree/models/bert/validation.h"
#include "filigree/models/sparse_training.h"
#include "filigree/run/run_folder.h"
#include "filigree/text/tokenizer_config.h"

namespace filigree::models {
namespace {

// What `filigree bert prepare` wrote.
struct PretrainData {
  explicit PretrainData(const std::filesystem::path& folder)
      : vocabulary(text::Vocabulary::load(folder / text::kVocabularyFile)),
        tokenizer(text::TokenizerConfig::load(folder / text::kTokenizerConfigFile)),
        train(folder / text::kTrainCorpusFile) {
    train.check_vocabulary(vocabulary);
    if (std::filesystem::exists(folder / text::kValidCorpusFile)) {
      valid.emplace(folder / text::kValidCorpusFile);
      valid->check_vocabulary(vocabulary);
      if (valid->token_count() == 0) valid.reset();
    }
  }

  text::Vocabulary vocabulary;
  text::TokenizerConfig tokenizer;
  text::Corpus train;
  std::optional<text::Corpus> valid;
};

std::int64_t tenth(std::int64_t given, std::int64_t steps) {
  return given > 0 ? given : std::max<std::int64_t>(1, steps / 10);
}

// The same held-out masks for every run, so that losses of different seeds can be compared.
constexpr std::uint64_t kValidationSeed = 1;

class Pretrainer {
 public:
  Pretrainer(PretrainOptions options, const std::string& effective_config)
      : options_(std::move(options)),
        data_(options_.data),
        train_(data_.train, data_.vocabulary, options_.sequence, options_.next_sentence, masking(),
               options_.seed),
        effective_config_(effective_config) {
    if (data_.valid) {
      try {
        valid_.emplace(*data_.valid, data_.vocabulary, options_.sequence, options_.next_sentence, masking(),
                       kValidationSeed, "held-out corpus");
      } catch (const Error& error) {
        log_warning("no validation: {}", error.what());
      }
    }
    if (options_.epochs > 0) {
      options_.steps =
          std::max<std::int64_t>(1, std::llround(options_.epochs * static_cast<double>(train_.sequences()) /
                                                 static_cast<double>(options_.batch)));
    }
    options_.check();
    if (options_.warmup >= options_.steps) {
      fail_usage("--warmup {} leaves nothing of {} steps; give fewer", options_.warmup, options_.steps);
    }
    if (options_.updates > 0 && options_.density == 1) {
      fail_usage("--updates {} moves blocks, but --density 1 is dense; give a density below 1",
                 options_.updates);
    }
  }

  int run() {
    if (!options_.record_batches.empty()) {
      const Bert model(options_.model(data_.vocabulary.size()), options_.seed);
      record_batches(options_, train_, model);
      return static_cast<int>(ExitCode::kDone);
    }
    try {
      start();
      const ExitCode code = train();
      finish(code);
      return static_cast<int>(code);
    } catch (const Error& error) {
      // Where the cure is the same command again, a run that exists now needs one more word.
      const std::string_view message = error.what();
      const bool full =
          message.ends_with(write_errno_text(ENOSPC)) || message.ends_with(write_errno_text(EDQUOT));
      if (!full || resumes() || !run::RunFolder::holds_run(options_.run)) throw;
      fail("{} with --resume", message);
    }
  }

 private:
  bool resumes() const { return options_.resume || !options_.resume_from.empty(); }
  MaskingConfig masking() const { return {options_.masked_share, options_.predictions, options_.whole_word}; }

  // What a checkpoint must have in common with this command.
  nlohmann::json facts() const {
    nlohmann::json facts = {{"seed", options_.seed},
                            {"steps", options_.steps},
                            {"batch", options_.batch},
                            {"accumulation", options_.accumulation},
                            {"sequence", options_.sequence},
                            {"predictions", options_.predictions},
                            {"masked-share", options_.masked_share},
                            {"whole-word", options_.whole_word},
                            {"lr", options_.lr},
                            {"lr-rule", options_.lr_rule},
                            {"warmup", options_.warmup},
                            {"weight-decay", options_.optimizer.weight_decay},
                            {"beta1", options_.optimizer.beta1},
                            {"beta2", options_.optimizer.beta2},
                            {"epsilon", options_.optimizer.epsilon},
                            {"clip", options_.optimizer.clip},
                            {"updates", options_.updates},
                            {"prune-ratio", options_.prune_ratio},
                            {kVocabularyHashFact, hash_text(data_.vocabulary.hash())},
                            {kCorpusChecksumFact, hash_text(data_.train.checksum())}};
    // As it is in checkpoints made before there was a choice.
    if (options_.precision != "fp32") facts["precision"] = options_.precision;
    return facts;
  }

  void start() {
    const bool resume = resumes();
    const BertConfig config = options_.model(data_.vocabulary.size());
    const PatternSchedule moves{options_.steps, options_.updates, options_.prune_ratio};
    const auto begin = [&] {
      model_ = std::make_unique<Bert>(config, options_.seed);
      sparse_ = std::make_unique<SparseTraining>(model_->matrices(), moves, options_.seed);
    };
    // Before a folder is made: what does not fit leaves none behind.
    if (!resume) begin();
    folder_ = std::make_unique<run::RunFolder>(options_.run, resume);
    std::optional<std::filesystem::path> checkpoint;
    if (resume) {
      checkpoint = options_.resume_from.empty() ? run::latest_checkpoint(folder_->checkpoints())
                                                : std::optional(checked_resume_from());
      if (!checkpoint) {
        log_warning("the run has no checkpoint yet: it starts at step 0");
        begin();
      }
    }
    if (checkpoint) {
      BertTraining training =
          load_bert_training(run::Checkpoint(*checkpoint, kBertCheckpointKind, "--resume-from"), config,
                             moves, options_.seed, facts());
      model_ = std::move(training.model);
      sparse_ = std::move(training.sparse);
      step_ = training.step;
      // After --resume-from an older one: the newer ones belong to a past that is given up, yet not lost.
      if (const int count = run::set_aside_checkpoints_after(folder_->checkpoints(), step_); count > 0) {
        log_warning("later checkpoints set aside: {}, as {}/*{}*; delete what you do not want", count,
                    folder_->checkpoints().string(), run::kSetAside);
      }
      for (const run::MetricRecord& record : run::read_metrics(folder_->metrics_file())) {
        if (record.step > step_ || std::isnan(record.value("seconds"))) continue;
        seconds_before_ = std::max(seconds_before_, record.value("seconds"));
      }
    }
    folder_->metrics().truncate_after(step_);
    folder_->write_config(effective_config_);
    data_.vocabulary.save(folder_->path() / text::kVocabularyFile);
    data_.tokenizer.save(folder_->path() / text::kTokenizerConfigFile);
    log_info("{} at step {} of {}: {} parameters, {} sequences of {} a pass, learning rate {:.3g}",
             checkpoint ? "resumed" : "new run", step_, options_.steps, model_->parameters().element_count(),
             train_.sequences(), options_.sequence, options_.schedule().peak);
  }

  // Only a checkpoint of this run: those behind it will be set aside.
  std::filesystem::path checked_resume_from() const {
    std::error_code ignored;
    if (!std::filesystem::equivalent(std::filesystem::absolute(options_.resume_from).parent_path(),
                                     folder_->checkpoints(), ignored)) {
      fail_usage("--resume-from {} is not one of the run's checkpoints; they are in {}",
                 options_.resume_from.string(), folder_->checkpoints().string());
    }
    return options_.resume_from;
  }

  ExitCode train() {
    const LearningRateSchedule schedule = options_.schedule();
    const std::int64_t checkpoint_every = tenth(options_.checkpoint_every, options_.steps);
    const std::int64_t valid_every = tenth(options_.valid_every, options_.steps);
    watch_for_interrupt();
    start_time_ = std::chrono::steady_clock::now();
    Progress progress("pretrain", static_cast<std::uint64_t>(options_.steps), "steps");
    progress.update(static_cast<std::uint64_t>(step_));
    std::int64_t saved = step_;
    while (step_ < options_.steps && !interrupted()) {
      const std::int64_t step = step_ + 1;
      const MlmBatch batch = train_.training(step_, options_.batch);
      const double rate = schedule.at(step);
      StepResult result;
      guarded([&] {
        result = train_step(*model_, batch, options_.accumulation, options_.optimizer, rate, step);
      });
      step_ = step;
      const bool last = step == options_.steps;
      const bool checkpoint = step % checkpoint_every == 0 || last;
      if (step % options_.log_every == 0 || checkpoint) write_metrics(result, rate);
      progress.update(static_cast<std::uint64_t>(step), fmt::format("loss {:.3f}", result.mlm));
      // Before the pattern moves: newborn blocks are zero and have to earn their place.
      if (step % valid_every == 0 || last) validate();
      if (sparse_->moves() && sparse_->schedule().due(step)) update_pattern(step);
      if (checkpoint) {
        save();
        saved = step_;
      }
    }
    progress.finish();
    if (step_ >= options_.steps) return ExitCode::kDone;
    if (saved != step_) save();
    log_info("interrupted at step {}; --resume goes on from there", step_);
    return ExitCode::kInterrupted;
  }

  // Runs a part of the training that fails on NaN and infinity; the error then says what is left.
  template <typename F>
  void guarded(F&& body) {
    try {
      body();
    } catch (const Error& error) {
      if (error.code() != ExitCode::kFailed) throw;
      const auto kept = run::latest_checkpoint(folder_->checkpoints());
      fail("{}; {}. Start a new run with a lower --lr or a longer --warmup", error.what(),
           kept ? "the last checkpoint is kept: " + kept->string() : "there was no checkpoint yet");
    }
  }

  double seconds() const {
    return seconds_before_ +
           std::chrono::duration<double>(std::chrono::steady_clock::now() - start_time_).count();
  }

  double flops() const {
    const std::int64_t tokens = options_.sequence - special_tokens(options_.next_sentence);
    return static_cast<double>(step_) *
           step_flops(model_->config(), options_.batch, options_.sequence, masking().predictions(tokens));
  }

  void update_pattern(std::int64_t step) {
    const PatternUpdateResult result = sparse_->update(step);
    const auto share = [](std::int64_t part, std::int64_t whole) {
      return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
    };
    run::MetricValues values = {{"coverage", sparse_->coverage()},
                                {"moved_share", share(result.moved, result.blocks)}};
    // Nothing is born before the first update.
    if (result.new_before > 0) {
      values.emplace_back("removed_new_share", share(result.removed_new, result.new_before));
    }
    folder_->metrics().write(step, "pattern", values);
    if (result.crowded && !warned_crowded_) {
      log_warning(
          "so few places are free at this density and prune ratio that some blocks return to where they were "
          "just pruned");
      warned_crowded_ = true;
    }
  }

  void write_metrics(const StepResult& result, double rate) {
    run::MetricValues values = {{"loss", result.loss},
                                {"mlm_loss", result.mlm},
                                {"accuracy", result.accuracy},
                                {"learning_rate", rate},
                                {"gradient_norm", result.gradient_norm},
                                {"seconds", seconds()},
                                {"flops", flops()}};
    if (options_.next_sentence) values.emplace_back("next_accuracy", result.next_accuracy);
    folder_->metrics().write(step_, "train", values);
  }

  void validate() {
    if (!valid_) return;
    guarded([&] {
      validated_ = models::validate(*model_, *valid_, options_.batch, options_.valid_batches, step_);
    });
    if (!validated_) return;
    run::MetricValues values = {{"mlm_loss", validated_->mlm_loss},
                                {"accuracy", validated_->accuracy},
                                {"seconds", seconds()},
                                {"flops", flops()}};
    if (options_.next_sentence) values.emplace_back("next_accuracy", validated_->next_accuracy);
    folder_->metrics().write(step_, "valid", values);
  }

  // A training step's loss is that of the weights before its update: those behind it are looked at here, or
  // broken ones would push out a good checkpoint.
  void check_weights() {
    check_finite(model_->parameters(), step_);
    if (validated_ && validated_->step == step_) return;
    const MlmBatch batch = train_.training(step_, options_.batch);
    const double loss = evaluate(*model_, slice(batch, 0, options_.batch / options_.accumulation)).loss;
    if (!std::isfinite(loss)) fail("the loss is {} at step {}, after its update", loss, step_);
  }

  void save() {
    guarded([&] { check_weights(); });
    write_bert_checkpoint(folder_->checkpoints(), step_, *model_, *sparse_, facts());
    run::prune_checkpoints(folder_->checkpoints(), options_.keep_checkpoints);
    // Drawing the report takes long beside a small step: now and then, and at the end.
    const auto now = std::chrono::steady_clock::now();
    if (now - last_report_ > std::chrono::seconds(30)) {
      write_report();
      last_report_ = now;
    }
  }

  void write_report() const { write_pretrain_report(*folder_, *model_, *sparse_, unigram_entropy()); }

  double unigram_entropy() const { return (data_.valid ? *data_.valid : data_.train).unigram_entropy(); }

  void finish(ExitCode code) {
    write_report();
    if (code == ExitCode::kDone && !validated_) {
      // A run that was already complete when it was resumed.
      for (const run::MetricRecord& record : run::read_metrics(folder_->metrics_file())) {
        if (record.split != "valid") continue;
        validated_ = Validation{record.step, record.value("mlm_loss"), record.value("accuracy")};
      }
    }
    if (options_.json) {
      nlohmann::ordered_json line = {{"step", step_},
                                     {"steps", options_.steps},
                                     {"done", code == ExitCode::kDone},
                                     {"seconds", seconds()},
                                     {"flops", flops()},
                                     {"unigram_entropy", unigram_entropy()},
                                     {"coverage", sparse_->coverage()},
                                     {"report", folder_->report().string()}};
      line["valid_loss"] = nullptr;
      line["valid_accuracy"] = nullptr;
      if (validated_) {
        line["valid_loss"] = validated_->mlm_loss;
        line["valid_accuracy"] = validated_->accuracy;
      }
      fmt::print("{}\n", line.dump());
      return;
    }
    if (validated_) {
      fmt::print("held-out loss    {:.3f} nats a prediction ({:.1f} % right)\n", validated_->mlm_loss,
                 100 * validated_->accuracy);
    }
    fmt::print("unigram entropy  {:.3f} nats\n", unigram_entropy());
    fmt::print("steps            {} of {} in {}\n", step_, options_.steps, format_duration(seconds()));
    fmt::print("report           {}\n", folder_->report().string());
  }

  PretrainOptions options_;
  PretrainData data_;
  Batches train_;
  std::optional<Batches> valid_;
  std::string effective_config_;
  std::unique_ptr<Bert> model_;
  std::unique_ptr<SparseTraining> sparse_;
  std::unique_ptr<run::RunFolder> folder_;
  std::int64_t step_ = 0;
  double seconds_before_ = 0;
  std::chrono::steady_clock::time_point start_time_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_report_ = std::chrono::steady_clock::now();
  bool warned_crowded_ = false;
  std::optional<Validation> validated_;  // in this process
};

}  // namespace

int pretrain(const PretrainOptions& options, const std::string& effective_config) {
  return Pretrainer(options, effective_config).run();
}

}  // namespace filigree::models
