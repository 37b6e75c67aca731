#include "filigree/text/tokenizer_config.h"

#include <nlohmann/json.hpp>
#include <string>

#include "filigree/base/error.h"
#include "filigree/base/file.h"

namespace filigree::text {
namespace {

// A key that may be absent or null.
bool flag(const nlohmann::json& object, const char* key, bool absent, const std::filesystem::path& path) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return absent;
  if (!found->is_boolean()) fail_data("{}: {} is neither true nor false", path.string(), key);
  return found->get<bool>();
}

}  // namespace

TokenizerConfig TokenizerConfig::load(const std::filesystem::path& path) {
  const auto object = nlohmann::json::parse(read_file(path), nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) fail_data("{} is not a JSON object; prepare the text again", path.string());
  TokenizerConfig config;
  config.lower_case = flag(object, "do_lower_case", true, path);
  if (flag(object, "strip_accents", config.lower_case, path) != config.lower_case) {
    fail_data("{}: strip_accents differs from do_lower_case; only tokenizers where both agree can be used",
              path.string());
  }
  if (!flag(object, "tokenize_chinese_chars", true, path)) {
    fail_data("{}: tokenize_chinese_chars is off; only tokenizers that set CJK characters apart can be used",
              path.string());
  }
  const auto kind = object.find("tokenizer_class");
  if (kind != object.end() && *kind != "BertTokenizer" && *kind != "BertTokenizerFast") {
    // Only a text is shown: nlohmann-json prints by recursion, and what stands here may be nested deeply.
    fail_data("{}: tokenizer_class is {}; only BertTokenizer can be used", path.string(),
              kind->is_string() ? kind->dump() : "no text");
  }
  return config;
}

void TokenizerConfig::save(const std::filesystem::path& path) const {
  nlohmann::ordered_json object;
  object["tokenizer_class"] = "BertTokenizer";
  object["do_lower_case"] = lower_case;
  object["strip_accents"] = nullptr;
  object["tokenize_chinese_chars"] = true;
  object["unk_token"] = "[UNK]";
  object["sep_token"] = "[SEP]";
  object["pad_token"] = "[PAD]";
  object["cls_token"] = "[CLS]";
  object["mask_token"] = "[MASK]";
  write_file_atomically(path, object.dump(2) + "\n");
}

}  // namespace filigree::text
