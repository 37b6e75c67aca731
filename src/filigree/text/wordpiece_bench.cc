// FILIGREE_DATA names the folder of real data; without it, the text is made up.
#include "filigree/text/wordpiece.h"

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "filigree/base/file.h"
#include "filigree/text/utf8.h"

namespace filigree::text {
namespace {

struct Sample {
  std::string text;
  WordPieceTokenizer tokenizer;
};

const Sample& sample() {
  static const Sample made = [] {
    if (const char* data = std::getenv("FILIGREE_DATA")) {
      const std::filesystem::path folder = std::filesystem::path(data) / "text";
      return Sample{read_file(folder / "books/valid.txt"),
                    WordPieceTokenizer(Vocabulary::load(folder / "bert_vocab/vocab.txt"), true)};
    }
    std::vector<std::string> pieces(std::begin(kSpecialPieces), std::end(kSpecialPieces));
    for (const char* piece :
         {"the", "quick", "brown", "fox", "jump", "##s", "over", "a", "lazy", "dog", "."}) {
      pieces.emplace_back(piece);
    }
    std::string text;
    while (text.size() < 1000000) text += "The quick brown fox jumps over a lazy dog.\n";
    return Sample{text, WordPieceTokenizer(Vocabulary(std::move(pieces)), true)};
  }();
  return made;
}

void set_bytes(benchmark::State& state) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * sample().text.size()));
}

void validate_utf8(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(first_invalid_utf8(sample().text));
  set_bytes(state);
}
BENCHMARK(validate_utf8);

void split_words(benchmark::State& state) {
  const BasicTokenizer words(true);
  for (auto _ : state) {
    std::size_t count = 0;
    words.for_each_word(sample().text, [&](std::string_view) { ++count; });
    benchmark::DoNotOptimize(count);
  }
  set_bytes(state);
}
BENCHMARK(split_words)->Unit(benchmark::kMillisecond);

void encode(benchmark::State& state) {
  std::vector<std::int32_t> ids;
  for (auto _ : state) {
    ids.clear();
    sample().tokenizer.encode(sample().text, ids);
    benchmark::DoNotOptimize(ids.data());
  }
  set_bytes(state);
}
BENCHMARK(encode)->Unit(benchmark::kMillisecond);

void build_trie(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(PieceTrie(sample().tokenizer.vocabulary()));
}
BENCHMARK(build_trie)->Unit(benchmark::kMillisecond);

void build_code_point_table(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(CodePointTable(true));
}
BENCHMARK(build_code_point_table)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace filigree::text
