#include "filigree/text/tokenizer_config.h"

#include <gtest/gtest.h>

#include "filigree/base/test_support.h"

namespace filigree::text {
namespace {

using test::error_of;
using test::TemporaryFolder;

TEST(TokenizerConfig, IsReadBack) {
  const TemporaryFolder folder;
  for (const bool lower_case : {true, false}) {
    TokenizerConfig{lower_case}.save(folder / kTokenizerConfigFile);
    EXPECT_EQ(TokenizerConfig::load(folder / kTokenizerConfigFile).lower_case, lower_case);
  }
}

TEST(TokenizerConfig, ReadsHuggingFacesFiles) {
  const TemporaryFolder folder;
  const auto load = [&](std::string_view json) {
    return TokenizerConfig::load(folder.write("c.json", json)).lower_case;
  };
  EXPECT_TRUE(load(R"({"do_lower_case": true, "model_max_length": 512})"));
  EXPECT_FALSE(
      load(R"({"do_lower_case": false, "strip_accents": null, "tokenizer_class": "BertTokenizer"})"));
  EXPECT_TRUE(load("{}"));
}

TEST(TokenizerConfig, WhatCannotBeDoneIsAnError) {
  const TemporaryFolder folder;
  const auto error = [&](std::string_view json) {
    const auto path = folder.write("c.json", json);
    return error_of(ExitCode::kBadData, [&] { TokenizerConfig::load(path); });
  };
  EXPECT_NE(error("{").find("not a JSON object"), std::string::npos);
  EXPECT_NE(error("[]").find("not a JSON object"), std::string::npos);
  EXPECT_NE(error(R"({"do_lower_case": "yes"})").find("do_lower_case"), std::string::npos);
  EXPECT_NE(error(R"({"do_lower_case": true, "strip_accents": false})").find("strip_accents"),
            std::string::npos);
  EXPECT_NE(error(R"({"tokenize_chinese_chars": false})").find("tokenize_chinese_chars"), std::string::npos);
  EXPECT_NE(error(R"({"tokenizer_class": "GPT2Tokenizer"})").find("GPT2Tokenizer"), std::string::npos);
  EXPECT_NE(error(R"({"tokenizer_class": null})").find("no text"), std::string::npos);
  // So deep that printing it would take the stack down.
  const std::string deep = std::string(2000000, '[') + std::string(2000000, ']');
  EXPECT_NE(error(R"({"tokenizer_class": )" + deep + "}").find("no text"), std::string::npos);
  EXPECT_NE(error(deep).find("not a JSON object"), std::string::npos);
  (void)error_of(ExitCode::kBadData, [&] { TokenizerConfig::load(folder / "none.json"); });
}

}  // namespace
}  // namespace filigree::text
