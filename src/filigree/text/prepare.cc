#include "filigree/text/prepare.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "filigree/base/error.h"
#include "filigree/base/interrupt.h"
#include "filigree/base/log.h"
#include "filigree/base/philox.h"
#include "filigree/base/progress.h"
#include "filigree/text/corpus.h"
#include "filigree/text/corpus_writer.h"
#include "filigree/text/ordered_pipeline.h"
#include "filigree/text/text_source.h"
#include "filigree/text/tokenizer_config.h"
#include "filigree/text/utf8.h"
#include "filigree/text/vocabulary_trainer.h"
#include "filigree/text/word_table.h"
#include "filigree/text/wordnet.h"
#include "filigree/text/wordpiece.h"

namespace filigree::text {
namespace {

void check_interrupt() {
  if (interrupted()) throw Error("interrupted; no file was written or changed", ExitCode::kInterrupted);
}

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::unique_ptr<TextSource> open_source(const PrepareOptions& options,
                                        const std::vector<std::filesystem::path>& inputs) {
  return options.format == TextFormat::kWordNet ? open_wordnet(inputs) : open_text_files(inputs);
}

// Which part of the input is held out.
class Split {
 public:
  explicit Split(const PrepareOptions& options)
      : share_(options.valid_inputs.empty() ? options.valid_share : 0),
        unit_(options.valid_unit),
        seed_(options.seed) {}

  bool held_out(std::uint64_t document, std::uint64_t paragraph) const {
    if (share_ <= 0) return false;
    const std::uint64_t index = unit_ == HeldOutUnit::kDocument ? document : paragraph;
    return Philox(seed_, Purpose::kSampling, index).uniform() < share_;
  }

 private:
  double share_;
  HeldOutUnit unit_;
  std::uint64_t seed_;
};

// The text of a paragraph, valid UTF-8; `storage` holds it where it had to be changed.
std::string_view valid_text(const TextSource& source, const TextBatch& batch, const Paragraph& paragraph,
                            InvalidUtf8 policy, std::string& storage, std::uint64_t& replaced) {
  const std::string_view text = batch.text_of(paragraph);
  const std::size_t place = first_invalid_utf8(text);
  if (place == kValidUtf8) return text;
  if (policy == InvalidUtf8::kError) {
    const std::uint64_t offset = paragraph.offset + place;
    const auto byte = static_cast<unsigned char>(text[place]);
    const bool utf16 = offset == 0 && byte >= 0xFE;
    fail_data(
        "{}:{}: invalid UTF-8 at byte {} (0x{:02X}){}; convert the file with iconv, or pass --invalid-utf8 "
        "replace "
        "to drop such bytes as BERT does",
        source.file_name(paragraph), paragraph.line, offset, byte, utf16 ? ", perhaps UTF-16" : "");
  }
  storage = replace_invalid_utf8(text, &replaced);
  return storage;
}

// Reads `source` to its end: visit(batch, output) on all threads, collect(batch, output) in order on one.
template <typename Output, typename Visit, typename Collect>
void for_each_batch(TextSource& source, std::string title, Visit&& visit, Collect&& collect) {
  constexpr std::uint64_t kMegabyte = 1000000;
  Progress progress(std::move(title), source.total_bytes() / kMegabyte, "MB");
  progress.update(0);
  OrderedPipeline<TextBatch, Output> pipeline;
  pipeline.run(
      [&](TextBatch& batch) {
        check_interrupt();
        return source.next(batch);
      },
      visit,
      [&](TextBatch& batch, Output& output) {
        collect(batch, output);
        progress.update(batch.file_bytes / kMegabyte);
      });
}

WordTable count_words(const PrepareOptions& options) {
  const std::unique_ptr<TextSource> source = open_source(options, options.inputs);
  if (source->total_bytes() == 0) {
    fail_usage(
        "learning a vocabulary reads the input twice, which a pipe does not allow; pass --vocab, or files");
  }
  const BasicTokenizer tokenizer(options.lower_case);
  const Split split(options);
  WordTable words;
  std::uint64_t dropped = 0;
  const auto most = static_cast<std::size_t>(options.most_words);
  for_each_batch<WordTable>(
      *source, "counting words",
      [&](TextBatch& batch, WordTable& counts) {
        counts.clear();
        std::string storage;
        std::uint64_t replaced = 0;
        for (std::size_t i = 0; i < batch.paragraphs.size(); ++i) {
          const Paragraph& paragraph = batch.paragraphs[i];
          const std::string_view text =
              valid_text(*source, batch, paragraph, options.invalid_utf8, storage, replaced);
          if (split.held_out(paragraph.document, batch.first_paragraph + i)) continue;
          tokenizer.for_each_word(text, [&](std::string_view word) {
            const bool too_long = word.size() > WordPieceTokenizer::kLongestWord &&
                                  count_code_points(word) > WordPieceTokenizer::kLongestWord;
            if (!too_long) counts.add(word);
          });
        }
      },
      [&](TextBatch&, WordTable& counts) {
        for (std::size_t i = 0; i < counts.size(); ++i) words.add(counts.word(i), counts.count(i));
        // Between batches, so that it happens at the same places for any number of threads.
        if (words.size() > most) dropped = std::max(dropped, words.keep_most_frequent(most / 2));
      });
  if (dropped > 0) {
    log_warning(
        "the text has more than {} different words; those seen up to {} times were dropped on the way", most,
        dropped);
  }
  return words;
}

// How to get text into both corpora.
std::string split_cure(const PrepareOptions& options) {
  return fmt::format("use another --valid-share{}, name held-out files with --valid, or pass --valid-share 0",
                     options.valid_unit == HeldOutUnit::kDocument ? " or --valid-unit paragraph" : "");
}

Vocabulary make_vocabulary(const PrepareOptions& options) {
  if (options.vocabulary.empty()) {
    const WordTable words = count_words(options);
    if (words.size() == 0) {
      fail_data("no text is left to learn a vocabulary from: the input is blank or all of it is held out; {}",
                split_cure(options));
    }
    Progress progress("learning a vocabulary", static_cast<std::uint64_t>(options.vocabulary_size), "pieces");
    Vocabulary vocabulary = train_vocabulary(words, {.vocabulary_size = options.vocabulary_size,
                                                     .min_frequency = options.min_frequency,
                                                     .progress = [&](std::size_t pieces) {
                                                       check_interrupt();
                                                       progress.update(pieces);
                                                     }});
    progress.finish();
    if (vocabulary.size() < options.vocabulary_size) {
      log_warning("the text gives {} pieces, not {}: no other pair occurs {} times", vocabulary.size(),
                  options.vocabulary_size, options.min_frequency);
    }
    return vocabulary;
  }
  Vocabulary vocabulary = Vocabulary::load(options.vocabulary);
  const auto has_capital = [](const std::string& piece) {
    return piece[0] != '[' &&
           std::any_of(piece.begin(), piece.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  };
  if (options.lower_case &&
      std::any_of(vocabulary.pieces().begin(), vocabulary.pieces().end(), has_capital)) {
    log_warning(
        "{} has pieces with capital letters, which lower-cased text never uses; did you mean --cased?",
        options.vocabulary.string());
  }
  return vocabulary;
}

// A corpus on its way to its folder.
class CorpusOutput {
 public:
  CorpusOutput(const std::filesystem::path& path, const WordPieceTokenizer& tokenizer)
      : writer_(path, tokenizer.vocabulary()), unknown_(tokenizer.vocabulary().unknown_id()) {}

  // `document` tells paragraphs of different documents apart.
  void add(std::uint64_t document, std::span<const std::int32_t> tokens) {
    if (document != document_) writer_.end_document();
    document_ = document;
    writer_.add_paragraph(tokens);
  }
  void finish() { writer_.finish(); }
  void commit() { writer_.commit(); }

  CorpusSummary summary() const {
    return {writer_.token_count(), writer_.paragraph_count(), writer_.document_count(),
            writer_.counts()[static_cast<std::size_t>(unknown_)], entropy_of_counts(writer_.counts())};
  }

 private:
  CorpusWriter writer_;
  std::int32_t unknown_;
  std::uint64_t document_ = 0;
};

struct TokenisedBatch {
  std::vector<std::int32_t> tokens;
  std::vector<std::size_t> ends;  // of each paragraph, in tokens
  std::uint64_t replaced = 0;
};

// Tokenises `inputs`; what `split` holds out goes to `valid`.
void tokenise(const PrepareOptions& options, const std::vector<std::filesystem::path>& inputs,
              const Split* split, const WordPieceTokenizer& tokenizer, CorpusOutput& train,
              CorpusOutput* valid, PrepareSummary& summary) {
  const std::unique_ptr<TextSource> source = open_source(options, inputs);
  for_each_batch<TokenisedBatch>(
      *source, "tokenising",
      [&](TextBatch& batch, TokenisedBatch& output) {
        output = {std::move(output.tokens), std::move(output.ends), 0};
        output.tokens.clear();
        output.ends.clear();
        std::string storage;
        for (const Paragraph& paragraph : batch.paragraphs) {
          const std::string_view text =
              valid_text(*source, batch, paragraph, options.invalid_utf8, storage, output.replaced);
          tokenizer.encode(text, output.tokens);
          output.ends.push_back(output.tokens.size());
        }
      },
      [&](TextBatch& batch, TokenisedBatch& output) {
        std::size_t begin = 0;
        for (std::size_t i = 0; i < batch.paragraphs.size(); ++i) {
          const std::uint64_t document = batch.paragraphs[i].document;
          const bool held_out = split != nullptr && split->held_out(document, batch.first_paragraph + i);
          CorpusOutput& corpus = held_out ? *valid : train;
          corpus.add(document, std::span(output.tokens).subspan(begin, output.ends[i] - begin));
          begin = output.ends[i];
        }
        summary.text_bytes += batch.text.size();
        summary.replaced_invalid += output.replaced;
      });
}

// What is written there would be read as text, by this run or the next.
void check_output_outside(const std::filesystem::path& input, const std::filesystem::path& output) {
  std::error_code error;
  if (!std::filesystem::is_directory(input, error)) return;
  const std::filesystem::path folder = std::filesystem::canonical(input, error);
  const std::filesystem::path inside =
      std::filesystem::weakly_canonical(std::filesystem::absolute(output), error);
  const auto [end, rest] = std::mismatch(folder.begin(), folder.end(), inside.begin(), inside.end());
  if (end == folder.end()) {
    fail_usage(
        "the output {} lies in the input folder {}, whose files are all read as text; name another folder",
        output.string(), input.string());
  }
}

void check(const PrepareOptions& options) {
  if (options.inputs.empty()) fail_usage("there is no input; name files or folders of text");
  if (options.output.empty()) fail_usage("there is no output folder; pass --output DIR");
  if (!(options.valid_share >= 0 && options.valid_share < 1)) {
    fail_usage("the held-out share is {}; it must be at least 0 and below 1", options.valid_share);
  }
  for (const auto& input : options.inputs) check_output_outside(input, options.output);
  for (const auto& input : options.valid_inputs) check_output_outside(input, options.output);
  std::error_code error;
  std::filesystem::create_directories(options.output, error);
  if (error) fail("cannot make the folder {}: {}", options.output.string(), error.message());
}

void check_not_empty(const CorpusSummary& train, const CorpusSummary* valid, const PrepareOptions& options) {
  if (train.tokens == 0 && valid != nullptr && valid->tokens > 0 && options.valid_inputs.empty()) {
    fail_data("all text is held out; {}", split_cure(options));
  }
  if (train.tokens == 0) fail_data("the input has no text");
  if (valid == nullptr || valid->tokens > 0) return;
  if (!options.valid_inputs.empty()) fail_data("the held-out files have no text");
  fail_data("no text is held out: the input has {} documents and {} paragraphs; {}", train.documents,
            train.paragraphs, split_cure(options));
}

// A corpus of little but [UNK] trains in vain: nothing of it can be predicted.
void warn_of_unknown(const char* name, const CorpusSummary& corpus, const PrepareOptions& options) {
  constexpr double kMany = 0.2;
  const double share = static_cast<double>(corpus.unknown_tokens) / static_cast<double>(corpus.tokens);
  if (share < kMany) return;
  log_warning("{:.0f} % of the tokens of {} are [UNK]: {}", 100 * share, name,
              options.vocabulary.empty()
                  ? "the vocabulary lacks pieces for the text; learn more with a higher --vocab-size"
                  : options.vocabulary.string() +
                        " does not fit the text; take one of its language and casing, "
                        "or leave out --vocab to learn one");
}

}  // namespace

PrepareSummary prepare(const PrepareOptions& options) {
  check(options);
  PrepareSummary summary;
  const Stopwatch learning;
  const WordPieceTokenizer tokenizer(make_vocabulary(options), options.lower_case);
  summary.vocabulary_seconds = options.vocabulary.empty() ? learning.seconds() : 0;
  summary.pieces = tokenizer.vocabulary().size();

  const Stopwatch tokenising;
  const Split split(options);
  const bool wants_valid = !options.valid_inputs.empty() || options.valid_share > 0;
  CorpusOutput train(options.output / kTrainCorpusFile, tokenizer);
  std::optional<CorpusOutput> valid;
  if (wants_valid) valid.emplace(options.output / kValidCorpusFile, tokenizer);
  tokenise(options, options.inputs, &split, tokenizer, train, valid ? &*valid : nullptr, summary);
  if (!options.valid_inputs.empty())
    tokenise(options, options.valid_inputs, nullptr, tokenizer, *valid, nullptr, summary);
  train.finish();
  summary.train = train.summary();
  if (valid) {
    valid->finish();
    summary.valid = valid->summary();
  }
  check_not_empty(summary.train, valid ? &summary.valid : nullptr, options);
  summary.tokenise_seconds = tokenising.seconds();
  warn_of_unknown(kTrainCorpusFile, summary.train, options);
  if (valid) warn_of_unknown(kValidCorpusFile, summary.valid, options);
  if (summary.replaced_invalid > 0)
    log_warning("{} runs of invalid UTF-8 were dropped", summary.replaced_invalid);

  // All is on the disk. A stop between these leaves whole files, and corpora that name their vocabulary:
  // another run's is noticed.
  tokenizer.vocabulary().save(options.output / kVocabularyFile);
  TokenizerConfig{options.lower_case}.save(options.output / kTokenizerConfigFile);
  train.commit();
  if (valid) {
    valid->commit();
  } else {
    std::error_code absent;
    std::filesystem::remove(options.output / kValidCorpusFile,
                            absent);  // of an earlier run, with another vocabulary
  }
  return summary;
}

}  // namespace filigree::text
