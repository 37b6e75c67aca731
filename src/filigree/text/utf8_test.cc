#include "filigree/text/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace filigree::text {
namespace {

TEST(Utf8, EachScalarValueIsValidAndReadBack) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text = "x";
    append_utf8(c, text);
    ASSERT_EQ(first_invalid_utf8(text), kValidUtf8) << std::hex << static_cast<unsigned>(c);
    std::size_t offset = 1;
    ASSERT_EQ(next_code_point(text, offset), c);
    ASSERT_EQ(offset, text.size());
    ASSERT_EQ(count_code_points(text), 2U);
  }
}

TEST(Utf8, SurrogatesAndLargerValuesAreInvalid) {
  for (char32_t c = 0xD800; c <= 0xDFFF; ++c) {
    std::string text;
    append_utf8(c, text);
    ASSERT_EQ(first_invalid_utf8(text), 0U);
  }
  std::string text;
  append_utf8(0x110000, text);
  EXPECT_EQ(first_invalid_utf8(text), 0U);
}

struct BadCase {
  const char* bytes;
  std::size_t first_bad;
  const char* replaced;
  std::uint64_t runs;
};

#define FFFD "\xEF\xBF\xBD"

TEST(Utf8, InvalidBytesAreFoundAndReplaced) {
  const std::vector<BadCase> cases = {
      {"ab\x80", 2, "ab" FFFD, 1},                      // a stray continuation byte
      {"\xC0\xAF", 0, FFFD FFFD, 2},                    // an overlong slash
      {"\xC1\xBF", 0, FFFD FFFD, 2},                    // an overlong DEL
      {"\xE0\x80\xAF", 0, FFFD FFFD FFFD, 3},           // overlong in three bytes
      {"\xF0\x80\x80\xAF", 0, FFFD FFFD FFFD FFFD, 4},  // overlong in four
      {"\xED\xA0\x80", 0, FFFD FFFD FFFD, 3},           // a surrogate
      {"\xF4\x90\x80\x80", 0, FFFD FFFD FFFD FFFD, 4},  // U+110000
      {"\xF5\x41\xFF", 0, FFFD "A" FFFD, 2},            // bytes that never occur
      {"\xE2\x82", 0, FFFD, 1},                         // cut off at the end
      {"a\xF0\x9F\x98", 1, "a" FFFD, 1},                // the same with four bytes
      {"\xE2\x82"
       "A\xE2\x82\xAC",
       0, FFFD "A\xE2\x82\xAC", 1},                                    // a cut character, then good ones
      {"\xC3\xA9t\xE9 12345678", 3, "\xC3\xA9t" FFFD " 12345678", 1},  // Latin-1 amid UTF-8
      // Unicode 15, table 3-8.
      {"a\xF1\x80\x80\xE1\x80\xC2"
       "b\x80"
       "c\x80\xBF"
       "d",
       1, "a" FFFD FFFD FFFD "b" FFFD "c" FFFD FFFD "d", 6},
  };
  for (const BadCase& c : cases) {
    EXPECT_EQ(first_invalid_utf8(c.bytes), c.first_bad) << c.replaced;
    std::uint64_t runs = 0;
    EXPECT_EQ(replace_invalid_utf8(c.bytes, &runs), c.replaced);
    EXPECT_EQ(runs, c.runs) << c.replaced;
  }
}

TEST(Utf8, TheOffsetIsRightAtEveryPlaceOfALongLine) {
  for (std::size_t place = 0; place < 40; ++place) {
    std::string text(40, 'a');
    text[place] = '\xFF';
    EXPECT_EQ(first_invalid_utf8(text), place);
  }
}

TEST(Utf8, ValidTextIsLeftAlone) {
  std::uint64_t runs = 0;
  const std::string text = "na\xC3\xAFve \xE5\x8D\x9A \xF0\x9F\xA6\x99";
  EXPECT_EQ(replace_invalid_utf8(text, &runs), text);
  EXPECT_EQ(runs, 0U);
  EXPECT_EQ(first_invalid_utf8(""), kValidUtf8);
}

}  // namespace
}  // namespace filigree::text
