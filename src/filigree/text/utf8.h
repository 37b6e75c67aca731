// UTF-8, read strictly: no overlong forms, no surrogates, nothing above U+10FFFF (RFC 3629).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace filigree::text {

inline constexpr std::size_t kValidUtf8 = std::string_view::npos;
inline constexpr char32_t kReplacementCharacter = 0xFFFD;

// The offset of the first byte that starts no valid character, or kValidUtf8.
std::size_t first_invalid_utf8(std::string_view text);

// A copy of `text` in which each maximal invalid run (Unicode 15, section 3.9, table 3-8) is one
// U+FFFD. `replaced` grows by the number of runs. BERT's cleaning drops U+FFFD, so the pieces are those
// of google-research/bert, which decodes with Python's errors="ignore".
std::string replace_invalid_utf8(std::string_view text, std::uint64_t* replaced);

// Decodes the character at text[offset] and moves `offset` behind it. Invalid bytes give U+FFFD, one for
// each maximal invalid run. offset < text.size().
char32_t next_code_point(std::string_view text, std::size_t& offset);

// Appends a scalar value as UTF-8.
void append_utf8(char32_t code_point, std::string& text);

// Number of characters of valid UTF-8.
std::size_t count_code_points(std::string_view text);

}  // namespace filigree::text
