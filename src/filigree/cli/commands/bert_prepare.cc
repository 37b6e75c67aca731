// filigree bert prepare: text to a WordPiece vocabulary and tokenised corpora.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/interrupt.h"
#include "filigree/base/isa.h"
#include "filigree/base/parallel.h"
#include "filigree/base/progress.h"
#include "filigree/cli/commands/commands.h"
#include "filigree/run/options.h"
#include "filigree/text/corpus.h"
#include "filigree/text/prepare.h"
#include "filigree/text/tokenizer_config.h"

namespace filigree::cli {
namespace {

using text::CorpusSummary;
using text::PrepareSummary;

// Options as the command line knows them.
struct Settings {
  text::PrepareOptions job;
  std::vector<std::string> inputs;
  std::vector<std::string> valid;
  std::string format = "text";
  std::string valid_unit = "document";
  std::string invalid_utf8 = "error";
  bool cased = false;
  int threads = 0;
  bool json = false;

  // Errors (usage): options that exclude each other.
  void finish(const run::Options& options) {
    for (const char* other : {"valid-share", "valid-unit"}) {
      if (options.given("valid") && options.given(other))
        fail_usage("--valid and --{} exclude each other", other);
    }
    for (const char* other : {"vocab-size", "min-frequency", "most-words"}) {
      if (options.given("vocab") && options.given(other))
        fail_usage("--vocab and --{} exclude each other", other);
    }
    job.inputs.assign(inputs.begin(), inputs.end());
    job.valid_inputs.assign(valid.begin(), valid.end());
    job.format = format == "wordnet" ? text::TextFormat::kWordNet : text::TextFormat::kText;
    job.valid_unit = valid_unit == "paragraph" ? text::HeldOutUnit::kParagraph : text::HeldOutUnit::kDocument;
    job.invalid_utf8 = invalid_utf8 == "replace" ? text::InvalidUtf8::kReplace : text::InvalidUtf8::kError;
    job.lower_case = !cased;
  }
};

void describe(run::Options& options, Settings& settings) {
  text::PrepareOptions& job = settings.job;
  options.positional("input", &settings.inputs,
                     "text files (plain, .gz, .zst) or folders of them; one paragraph a line, a blank line "
                     "between documents",
                     /*required=*/true);
  options.add("output", &job.output, "folder for vocab.txt, tokenizer_config.json and the corpora")
      .metavar("FOLDER")
      .required();
  options.add("format", &settings.format, "what the input is; wordnet: the glosses of WordNet's data files")
      .choices({"text", "wordnet"});
  options.add("invalid-utf8", &settings.invalid_utf8, "replace: drop invalid bytes, as BERT does")
      .choices({"error", "replace"});
  options.section("vocabulary", "Vocabulary");
  options.add("vocab", &job.vocabulary, "use this vocab.txt instead of learning one").metavar("FILE");
  options.add("vocab-size", &job.vocabulary_size, "pieces to learn, with the special ones")
      .range(32, 1 << 24);
  options.add("min-frequency", &job.min_frequency, "pairs that occur less often are not merged")
      .range(1, 1e9);
  options
      .add("most-words", &job.most_words,
           "different words to count at most (350 bytes each); the rarest are dropped beyond that")
      .range(1000, 1e9);
  options.add("cased", &settings.cased, "keep capital letters and accents");
  options.section("held-out", "Held-out text");
  options.add("valid", &settings.valid, "held-out files or folders, instead of a share of the input")
      .metavar("PATH");
  options.add("valid-share", &job.valid_share, "share of the input to hold out; 0: no valid.corpus")
      .range(0, 0.9);
  options.add("valid-unit", &settings.valid_unit, "what is held out as a whole")
      .choices({"document", "paragraph"});
  options.add("seed", &job.seed, "chooses what is held out");
  options.section("run", "This run");
  options.add("threads", &settings.threads, "0 means all cores").range(0, 4096);
  options.add("json", &settings.json, "print one line of JSON").transient();
}

double megabytes_per_second(const PrepareSummary& summary) {
  return static_cast<double>(summary.text_bytes) / 1e6 / summary.tokenise_seconds;
}

nlohmann::ordered_json as_json(const CorpusSummary& corpus) {
  return {{"tokens", corpus.tokens},
          {"paragraphs", corpus.paragraphs},
          {"documents", corpus.documents},
          {"unknown_tokens", corpus.unknown_tokens},
          {"unigram_entropy", corpus.unigram_entropy}};
}

void print_json(const PrepareSummary& summary, const Settings& settings) {
  const bool valid = summary.valid.tokens > 0;
  const nlohmann::ordered_json line = {{"output", settings.job.output.string()},
                                       {"pieces", summary.pieces},
                                       {"lower_case", settings.job.lower_case},
                                       {"train", as_json(summary.train)},
                                       {"valid", valid ? as_json(summary.valid) : nlohmann::ordered_json()},
                                       {"text_bytes", summary.text_bytes},
                                       {"replaced_invalid", summary.replaced_invalid},
                                       {"threads", thread_count()},
                                       {"vocabulary_seconds", summary.vocabulary_seconds},
                                       {"tokenise_seconds", summary.tokenise_seconds},
                                       {"megabytes_per_second", megabytes_per_second(summary)}};
  fmt::print("{}\n", line.dump());
}

void print_corpus(const char* name, const CorpusSummary& corpus) {
  fmt::print(
      "  {:<13} {:>12} tokens, {:>9} paragraphs, {:>7} documents, {:.2f} % [UNK], unigram entropy {:.3f} "
      "nats\n",
      name, corpus.tokens, corpus.paragraphs, corpus.documents,
      100.0 * static_cast<double>(corpus.unknown_tokens) / static_cast<double>(corpus.tokens),
      corpus.unigram_entropy);
}

void print_table(const PrepareSummary& summary, const Settings& settings) {
  fmt::print("{}\n", settings.job.output.string());
  fmt::print("  {:<13} {:>12} pieces, {}", text::kVocabularyFile, summary.pieces,
             settings.job.lower_case ? "uncased" : "cased");
  if (settings.job.vocabulary.empty())
    fmt::print(", learned in {}", format_duration(summary.vocabulary_seconds));
  fmt::print("\n");
  print_corpus(text::kTrainCorpusFile, summary.train);
  if (summary.valid.tokens > 0) print_corpus(text::kValidCorpusFile, summary.valid);
  fmt::print("  tokenised {:.1f} MB in {}, {:.1f} MB/s on {} threads\n",
             static_cast<double>(summary.text_bytes) / 1e6, format_duration(summary.tokenise_seconds),
             megabytes_per_second(summary), thread_count());
}

}  // namespace

int bert_prepare(const std::vector<std::string>& arguments) {
  Settings settings;
  run::Options options("bert prepare", "Turn text into a WordPiece vocabulary and tokenised corpora.");
  describe(options, settings);
  if (!options.parse(arguments)) return 0;
  settings.finish(options);
  (void)chosen_isa();  // a wrong FILIGREE_ISA is an error here as in every other command
  set_thread_count(settings.threads);
  watch_for_interrupt();
  const PrepareSummary summary = text::prepare(settings.job);
  settings.json ? print_json(summary, settings) : print_table(summary, settings);
  return 0;
}

}  // namespace filigree::cli
