#include "filigree/text/text_source.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>

#include "filigree/base/error.h"
#include "filigree/base/interrupt.h"
#include "filigree/base/test_support.h"
#include "filigree/text/wordnet.h"

namespace filigree::text {
namespace {

using test::ChildProcess;
using test::error_of;
using test::TemporaryFolder;

struct Found {
  std::string text;
  std::uint64_t document;
  std::string file;
  std::uint64_t line, offset;
  bool operator==(const Found&) const = default;
};

std::vector<Found> all(TextSource& source) {
  std::vector<Found> result;
  TextBatch batch;
  while (source.next(batch)) {
    EXPECT_EQ(batch.first_paragraph, result.size());
    for (const Paragraph& p : batch.paragraphs) {
      const std::filesystem::path name = source.file_name(p);
      result.push_back(
          {std::string(batch.text_of(p)), p.document, name.filename().string(), p.line, p.offset});
    }
  }
  EXPECT_EQ(batch.file_bytes, source.total_bytes());
  return result;
}

void PrintTo(const Found& found, std::ostream* out) {
  *out << found.document << ' ' << found.file << ':' << found.line << '@' << found.offset << ' '
       << found.text;
}

TEST(TextFiles, BlankLinesAndFilesEndDocuments) {
  const TemporaryFolder folder;
  folder.write("d/a", "\n one\r\n two \n\n \t\u00A0\u3000\x0B\r\n\nthree\n\n");
  folder.write("d/b", "four\n\xE9\n");
  folder.write("d/c", "");
  const auto source = open_text_files({folder / "d"});
  EXPECT_EQ(all(*source), (std::vector<Found>{{" one", 0, "a", 2, 1},
                                              {" two ", 0, "a", 3, 7},
                                              {"three", 1, "a", 7, 25},
                                              {"four", 2, "b", 1, 0},
                                              {"\xE9", 2, "b", 2, 5}}));
}

TEST(TextFiles, BatchesHaveABoundedSize) {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 60000; ++i)
    text += fmt::format("paragraph {} {}\n{}", i, std::string(60, 'x'), i % 10 == 9 ? "\n" : "");
  const auto source = open_text_files({folder.write("long.txt", text)});
  TextBatch batch;
  std::size_t batches = 0;
  std::size_t paragraphs = 0;
  while (source->next(batch)) {
    ++batches;
    EXPECT_LT(batch.text.size(), (std::size_t{1} << 20) + 100);
    for (const Paragraph& p : batch.paragraphs) EXPECT_EQ(p.document, paragraphs++ / 10);
  }
  EXPECT_EQ(paragraphs, 60000U);
  EXPECT_GT(batches, 3U);
}

// In a child process: the interrupt stays.
TEST(TextFiles, AnInterruptEndsBlankLinesAndPipesThatNobodyWritesTo) {
  const TemporaryFolder folder;
  folder.write("blank.txt", std::string(1 << 18, '\n'));
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  for (const char* name : {"blank.txt", "pipe"}) {
    ChildProcess child([&] {
      watch_for_interrupt();
      std::raise(SIGINT);
      TextBatch batch;
      try {
        (void)open_text_files({folder / name})->next(batch);
      } catch (const Error& error) {
        return error.code() == ExitCode::kInterrupted ? 0 : 1;
      }
      return 2;
    });
    EXPECT_EQ(child.wait(), 0) << name;
  }
}

TEST(WordNet, ReadsGlossesByLexicographerFile) {
  const TemporaryFolder folder;
  const std::string licence = "  1 This is the licence. | not a gloss\n";
  folder.write("data.noun",
               licence +
                   "00001740 03 n 01 entity 0 001 ~ 00001930 n 0000 | a first | gloss; \"example\"  \n"
                   "00001930 03 n 01 thing 0 000 |   second  \n"
                   "00002137 04 n 01 act 0 000 | third\n");
  folder.write("data.verb", licence + "00001740 29 v 01 breathe 0 000 | draw air  \n");
  folder.write("data.adj", licence + "00001740 00 a 01 able 0 000 | having means  \n");
  folder.write("data.adv", licence + "00001740 02 r 01 a_cappella 0 000 | without accompaniment  \n");
  const auto source = open_wordnet({folder.path()});
  const std::vector<Found> found = all(*source);
  ASSERT_EQ(found.size(), 6U);
  EXPECT_EQ(found[0], (Found{"a first | gloss; \"example\"", 0, "data.noun", 2, licence.size()}));
  const std::vector<std::string> texts = {"second", "third", "draw air", "having means",
                                          "without accompaniment"};
  const std::vector<std::uint64_t> documents = {0, 1, 2, 3, 4};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(found[i + 1].text, texts[i]);
    EXPECT_EQ(found[i + 1].document, documents[i]);
  }
}

TEST(WordNet, BadFilesAreErrors) {
  const TemporaryFolder folder;
  EXPECT_NE(error_of(ExitCode::kBadData, [&] { open_wordnet({folder.path()}); }).find("wordnet-base"),
            std::string::npos);
  for (const char* line :
       {"00001740 03 n 01 entity 0 000\n", "short\n", "0000174x 03 n 01 entity 0 000 | gloss\n"}) {
    const auto path = folder.write("data.noun", std::string("  licence\n") + line);
    WordNetReader reader(path);
    Synset synset;
    EXPECT_NE(error_of(ExitCode::kBadData, [&] { reader.next(synset); }).find("data.noun:2: "),
              std::string::npos);
  }
}

TEST(WordNet, DebiansFilesHave117659Glosses) {
  const std::filesystem::path folder = "/usr/share/wordnet";
  if (!std::filesystem::exists(folder / "data.noun"))
    GTEST_SKIP() << "Debian's wordnet-base is not installed";
  const auto source = open_wordnet({folder});
  const std::vector<Found> found = all(*source);
  EXPECT_EQ(found.size(), 117659U);
  EXPECT_EQ(found.back().document, 44U);  // the 45 lexicographer files of WordNet 3.0
  EXPECT_EQ(found.front().text,
            "that which is perceived or known or inferred to have its own distinct existence (living or "
            "nonliving)");
}

}  // namespace
}  // namespace filigree::text
