#include "filigree/text/vocabulary.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include "filigree/base/file.h"
#include "filigree/base/test_support.h"
#include "filigree/text/testing.h"

namespace filigree::text {
namespace {

using test::error_of;
using test::TemporaryFolder;

constexpr std::string_view kSpecials = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";

std::string load_error(std::string_view content) {
  const TemporaryFolder folder;
  const auto path = folder.write("vocab.txt", content);
  return error_of(ExitCode::kBadData, [&] { Vocabulary::load(path); });
}

TEST(Vocabulary, FindsPiecesAndKnowsTheirKind) {
  const Vocabulary vocabulary = vocabulary_of({"un", "##able", "#"});
  EXPECT_EQ(vocabulary.size(), 8);
  EXPECT_EQ(vocabulary.find("##able"), 6);
  EXPECT_EQ(vocabulary.find("able"), std::nullopt);
  EXPECT_EQ(vocabulary.piece(5), "un");
  EXPECT_FALSE(vocabulary.is_continuation(5));
  EXPECT_TRUE(vocabulary.is_continuation(6));
  EXPECT_FALSE(vocabulary.is_continuation(7));
  EXPECT_TRUE(vocabulary.is_special(4));
  EXPECT_FALSE(vocabulary.is_special(5));
  EXPECT_EQ(vocabulary.pad_id(), 0);
  EXPECT_EQ(vocabulary.mask_id(), 4);
}

TEST(Vocabulary, TheHashIsThatOfTheFileWithLineFeeds) {
  const TemporaryFolder folder;
  const std::string content = std::string(kSpecials) + "a\n##b\n";
  const Vocabulary unix_lines = Vocabulary::load(folder.write("a.txt", content));
  EXPECT_EQ(unix_lines.hash(), XXH3_64bits(content.data(), content.size()));
  const Vocabulary no_last_feed = Vocabulary::load(folder.write("b.txt", std::string(kSpecials) + "a\n##b"));
  EXPECT_EQ(no_last_feed.hash(), unix_lines.hash());
  const Vocabulary windows_lines =
      Vocabulary::load(folder.write("c.txt", "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n[MASK]\r\na\r\n##b\r\n"));
  EXPECT_EQ(windows_lines.hash(), unix_lines.hash());
  unix_lines.save(folder / "d.txt");
  EXPECT_EQ(read_file(folder / "d.txt"), content);
}

TEST(Vocabulary, SurvivesAMove) {
  Vocabulary first = vocabulary_of({"a", "b"});
  const Vocabulary second = std::move(first);
  EXPECT_EQ(second.find("b"), 6);
}

TEST(Vocabulary, BadFilesAreNamedWithLineAndCure) {
  EXPECT_NE(load_error(std::string(kSpecials) + "a\n\nb\n").find("vocab.txt:7: an empty line"),
            std::string::npos);
  EXPECT_NE(load_error(std::string(kSpecials) + "a\nb\na\n")
                .find("vocab.txt:8: the piece 'a' stands already on line 6"),
            std::string::npos);
  EXPECT_NE(load_error(std::string(kSpecials) + "\xE9t\n").find("vocab.txt:6: the piece is not valid UTF-8"),
            std::string::npos);
  EXPECT_NE(load_error("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n").find("has no piece [MASK]"), std::string::npos);
  EXPECT_NE(load_error("").find("is empty"), std::string::npos);
  // As deep as the trie would be.
  EXPECT_NE(load_error(std::string(kSpecials) + std::string(300'000, 'a') + "\n")
                .find("vocab.txt:6: a piece of 300000"),
            std::string::npos);
  EXPECT_NE(
      error_of(ExitCode::kBadData, [] { Vocabulary::load("/nowhere/vocab.txt"); }).find("/nowhere/vocab.txt"),
      std::string::npos);
}

}  // namespace
}  // namespace filigree::text
