#include "filigree/text/line_reader.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "filigree/base/test_support.h"

namespace filigree::text {
namespace {

using test::error_of;
using test::TemporaryFolder;

std::string gzip(std::string_view text) {
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string result(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
}

std::string zstd(std::string_view text) {
  std::string result(ZSTD_compressBound(text.size()), '\0');
  result.resize(ZSTD_compress(result.data(), result.size(), text.data(), text.size(), 1));
  return result;
}

std::string some_text(std::size_t lines) {
  std::string text;
  for (std::size_t i = 0; i < lines; ++i)
    text += fmt::format("line {}{}\n", i * 2654435761U, std::string(i % 50, 'x'));
  return text;
}

std::string joined_lines(const std::filesystem::path& path) {
  LineReader reader(path);
  std::string all;
  std::string_view line;
  while (reader.next(line)) all.append(line).push_back('\n');
  return all;
}

TEST(LineReader, CountsLinesAndBytes) {
  const TemporaryFolder folder;
  LineReader reader(folder.write("a.txt", "one\r\n\nthree\nlast"));
  struct Line {
    std::string_view text;
    std::uint64_t number, offset;
  };
  std::string_view line;
  for (const Line& wanted : {Line{"one", 1, 0}, {"", 2, 5}, {"three", 3, 6}, {"last", 4, 12}}) {
    ASSERT_TRUE(reader.next(line));
    EXPECT_EQ(line, wanted.text);
    EXPECT_EQ(reader.line_number(), wanted.number);
    EXPECT_EQ(reader.line_offset(), wanted.offset);
  }
  EXPECT_FALSE(reader.next(line));
  EXPECT_FALSE(reader.next(line));
  EXPECT_EQ(reader.file_bytes(), 16U);
}

TEST(LineReader, ReadsCompressedFilesWhateverTheirNames) {
  const TemporaryFolder folder;
  const std::string text = some_text(20000);  // several buffers
  EXPECT_EQ(joined_lines(folder.write("plain", text)), text);
  EXPECT_EQ(joined_lines(folder.write("a.txt", gzip(text))), text);
  EXPECT_EQ(joined_lines(folder.write("b", zstd(text))), text);
  EXPECT_EQ(joined_lines(folder.write("empty.gz", gzip(""))), "");
  EXPECT_EQ(joined_lines(folder.write("empty.zst", zstd(""))), "");
}

TEST(LineReader, ReadsSeveralMembersAndFrames) {
  const TemporaryFolder folder;
  const std::string text = some_text(3000);
  const std::string skippable{"\x50\x2a\x4d\x18\x02\x00\x00\x00zz", 10};
  EXPECT_EQ(joined_lines(folder.write("a.gz", gzip(text) + gzip("") + gzip(text))), text + text);
  EXPECT_EQ(joined_lines(folder.write("padded.gz", gzip(text) + std::string(1000, '\0'))), text);
  EXPECT_EQ(joined_lines(folder.write("a.zst", zstd(text) + skippable + zstd(text))), text + text);
  EXPECT_EQ(joined_lines(folder.write("b.zst", skippable + zstd(text))), text);
}

// Cut at any byte: an error that names the file and the byte, and never a silent short read.
TEST(LineReader, EveryTruncationIsAnError) {
  const TemporaryFolder folder;
  const std::string text = some_text(40);
  for (const std::string& whole : {gzip(text), zstd(text)}) {
    for (std::size_t length = 4; length < whole.size(); ++length) {
      const auto path = folder.write("cut", whole.substr(0, length));
      const std::string message = error_of(ExitCode::kBadData, [&] { joined_lines(path); });
      ASSERT_NE(message.find("byte " + std::to_string(length)), std::string::npos) << message;
      ASSERT_NE(message.find((folder / "cut").string()), std::string::npos) << message;
    }
  }
}

TEST(LineReader, EveryAlteredByteOfCompressedDataIsFoundOrHarmless) {
  const TemporaryFolder folder;
  const std::string text = some_text(40);
  for (const std::string& whole : {gzip(text), zstd(text)}) {
    for (std::size_t place = 4; place < whole.size(); ++place) {
      std::string altered = whole;
      altered[place] = static_cast<char>(altered[place] ^ 0x41);
      const auto path = folder.write("altered", altered);
      try {
        joined_lines(path);  // bytes without meaning (a time stamp), or Zstandard without a checksum
      } catch (const Error& error) {
        ASSERT_EQ(error.code(), ExitCode::kBadData) << error.what();
      }
    }
  }
  std::string altered = gzip(text);
  altered[altered.size() / 2] ^= 0x10;
  const auto path = folder.write("altered.gz", altered);
  EXPECT_NE(error_of(ExitCode::kBadData, [&] { joined_lines(path); }).find("is damaged"), std::string::npos);
}

TEST(LineReader, SomethingElseBehindGzipDataIsAnError) {
  const TemporaryFolder folder;
  const std::string member = gzip("text\n");
  const auto path = folder.write("a.gz", member + "tail");
  EXPECT_NE(
      error_of(ExitCode::kBadData, [&] { joined_lines(path); }).find("byte " + std::to_string(member.size())),
      std::string::npos);
}

TEST(LineReader, ALineThatIsTooLongIsNamed) {
  const TemporaryFolder folder;
  const std::size_t limit = LineReader::kLongestLine;
  EXPECT_EQ(joined_lines(folder.write("fits", std::string(limit, 'x') + "\ny\n")).size(), limit + 3);
  for (const char* tail : {"", "\n"}) {
    const auto path = folder.write("long", "ab\n" + std::string(limit + 1, 'x') + tail);
    EXPECT_NE(error_of(ExitCode::kBadData, [&] { joined_lines(path); })
                  .find("long:2: the line that begins at byte 3 is longer than 16 MiB"),
              std::string::npos);
  }
}

TEST(LineReader, AMissingFileAndAFolderAreErrors) {
  const TemporaryFolder folder;
  EXPECT_NE(error_of(ExitCode::kBadData, [&] { LineReader reader(folder / "none"); }).find("No such file"),
            std::string::npos);
  EXPECT_NE(error_of(ExitCode::kBadData, [&] { LineReader reader(folder.path()); }).find("is a folder"),
            std::string::npos);
}

}  // namespace
}  // namespace filigree::text
