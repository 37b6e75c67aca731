#include "filigree/models/bert/config.h"

#include <gtest/gtest.h>

#include <regex>

#include "filigree/base/error.h"
#include "filigree/models/bert/pretrain_options.h"

namespace filigree::models {
namespace {

// The error of these options; empty where they fit.
std::string error_of(const PretrainOptions& options) {
  try {
    (void)options.model(100);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kUsage);
    return error.what();
  }
  return "";
}

// The number behind `words` in `text`; 0 where there is none.
std::int64_t number_behind(const std::string& words, const std::string& text) {
  std::smatch match;
  return std::regex_search(text, match, std::regex(words + " (\\d+)")) ? std::stoll(match[1]) : 0;
}

TEST(BertConfig, HeadsOf64UnlessToldOtherwise) {
  PretrainOptions options;
  for (const auto& [hidden, heads] : {std::pair{16, 1}, {63, 1}, {64, 1}, {128, 2}, {768, 12}}) {
    options.hidden = hidden;
    EXPECT_EQ(options.model(100).heads, heads);
  }
  options.hidden = 160;
  const std::string error = error_of(options);
  EXPECT_EQ(number_behind("use --hidden", error), 192) << error;
  EXPECT_EQ(160 % number_behind("such as", error), 0) << error;
  options.hidden = 150;
  EXPECT_EQ(number_behind("use --hidden", error_of(options)), 128) << "the nearest one";
}

// Whatever an error recommends has to work.
TEST(BertConfig, TheCuresCure) {
  for (std::int64_t hidden = 1; hidden <= 400; ++hidden) {
    PretrainOptions options;
    options.hidden = hidden;
    if (const std::string error = error_of(options); !error.empty()) {
      PretrainOptions wider = options;
      wider.hidden = number_behind("use --hidden", error);
      EXPECT_EQ(error_of(wider), "") << error;
      PretrainOptions split = options;
      split.heads = number_behind("such as", error);
      EXPECT_EQ(error_of(split), "") << error;
    }
    options.heads = 6;
    if (const std::string error = error_of(options); !error.empty()) {
      options.heads = number_behind("use --heads", error);
      EXPECT_EQ(error_of(options), "") << error;
    }
    options.density = 0.5;
    options.heads = hidden % 3 == 0 ? 3 : 1;
    if (const std::string error = error_of(options); !error.empty()) {
      options.hidden = number_behind("such as", error);
      EXPECT_EQ(error_of(options), "") << error;
    }
  }
}

TEST(BertConfig, ABlockOfNoKnownSizeIsToldFirst) {
  for (const int block : {3, 5, 15}) {
    PretrainOptions options;
    options.density = 0.5;
    options.block = block;
    EXPECT_EQ(error_of(options),
              "--block " + std::to_string(block) + " is no size of blocks; use 1, 2, 4, 8, 16, 32, 64");
  }
}

}  // namespace
}  // namespace filigree::models
