#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "filigree/base/error.h"
#include "filigree/models/bert/fill.h"
#include "filigree/models/commands.h"
#include "filigree/models/process.h"
#include "filigree/run/options.h"
#include "filigree/text/utf8.h"

namespace filigree::models {

int bert_fill(const std::vector<std::string>& arguments) {
  std::filesystem::path run;
  std::filesystem::path checkpoint;
  int top = 5;
  int threads = 0;
  bool json = false;
  std::vector<std::string> texts;
  run::Options options("bert fill", "Fill in the [MASK]s of texts with a pre-trained model.");
  options.positional("text", &texts, "texts with [MASK] where a word is wanted", /*required=*/true);
  options.add("run", &run, "folder of a pre-training run").metavar("FOLDER").required();
  options.add("checkpoint", &checkpoint, "one of the run's checkpoints; by default the last").metavar("FILE");
  options.add("top", &top, "best pieces to show at each [MASK]").range(1, 1000);
  options.add("threads", &threads, "0 means all cores").range(0, 4096);
  options.add("json", &json, "print one line of JSON a text");
  if (!options.parse(arguments)) return 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (const std::size_t place = text::first_invalid_utf8(texts[i]); place != text::kValidUtf8) {
      fail_usage("text {} is not UTF-8: its byte {} is 0x{:02X}; give it in UTF-8", i + 1, place,
                 static_cast<unsigned char>(texts[i][place]));
    }
  }
  prepare_process(threads);
  const MaskFiller filler(run, checkpoint);
  for (const std::string& text : texts) {
    const std::vector<FilledMask> masks = filler.fill(text, top);
    if (json) {
      nlohmann::ordered_json line = {{"text", text}, {"masks", nlohmann::ordered_json::array()}};
      for (const FilledMask& mask : masks) {
        auto& list = line["masks"].emplace_back(nlohmann::ordered_json::array());
        for (const auto& [piece, probability] : mask.best) {
          list.push_back({{"piece", piece}, {"probability", probability}});
        }
      }
      fmt::print("{}\n", line.dump());
      continue;
    }
    fmt::print("{}\n", text);
    for (const FilledMask& mask : masks) {
      std::string words;
      for (const auto& [piece, probability] : mask.best) {
        words += fmt::format("{}'{}' {:.0f} %", words.empty() ? "" : ", ", piece, 100 * probability);
      }
      fmt::print("  [MASK]: {}\n", words);
    }
  }
  return 0;
}

}  // namespace filigree::models
