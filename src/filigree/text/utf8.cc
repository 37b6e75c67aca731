#include "filigree/text/utf8.h"

#include <algorithm>
#include <cstring>

namespace filigree::text {
namespace {

struct Character {
  char32_t code_point;
  std::size_t bytes;  // of the character, or of the maximal invalid run
  bool valid;
};

// The ranges of the second byte differ by lead byte (Unicode 15, table 3-7); this is what keeps out
// overlong forms, surrogates and values that are too large.
Character decode(const unsigned char* bytes, std::size_t size) {
  const unsigned lead = bytes[0];
  if (lead < 0x80) return {lead, 1, true};
  if (lead < 0xC2 || lead > 0xF4) return {kReplacementCharacter, 1, false};
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  char32_t code_point = lead & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const bool fits = i < size && bytes[i] >= (i == 1 ? low : 0x80U) && bytes[i] <= (i == 1 ? high : 0xBFU);
    if (!fits) return {kReplacementCharacter, i, false};
    code_point = (code_point << 6) | (bytes[i] & 0x3FU);
  }
  return {code_point, length, true};
}

Character decode_at(std::string_view text, std::size_t offset) {
  return decode(reinterpret_cast<const unsigned char*>(text.data()) + offset, text.size() - offset);
}

// The first offset at or after `offset` that may hold a byte outside ASCII: whole words at a time.
std::size_t skip_ascii(std::string_view text, std::size_t offset) {
  std::uint64_t word = 0;
  while (offset + sizeof(word) <= text.size()) {
    std::memcpy(&word, text.data() + offset, sizeof(word));
    if ((word & 0x8080808080808080U) != 0) break;
    offset += sizeof(word);
  }
  while (offset < text.size() && static_cast<unsigned char>(text[offset]) < 0x80) ++offset;
  return offset;
}

}  // namespace

std::size_t first_invalid_utf8(std::string_view text) {
  std::size_t offset = 0;
  for (;;) {
    offset = skip_ascii(text, offset);
    if (offset >= text.size()) return kValidUtf8;
    const Character character = decode_at(text, offset);
    if (!character.valid) return offset;
    offset += character.bytes;
  }
}

std::string replace_invalid_utf8(std::string_view text, std::uint64_t* replaced) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t valid = std::min(first_invalid_utf8(text), text.size());
    result.append(text.substr(0, valid));
    text.remove_prefix(valid);
    if (text.empty()) break;
    append_utf8(kReplacementCharacter, result);
    text.remove_prefix(decode_at(text, 0).bytes);
    ++*replaced;
  }
  return result;
}

char32_t next_code_point(std::string_view text, std::size_t& offset) {
  const Character character = decode_at(text, offset);
  offset += character.bytes;
  return character.code_point;
}

void append_utf8(char32_t code_point, std::string& text) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80U | ((code_point >> shift) & 0x3FU)); };
  if (code_point < 0x80) {
    text.push_back(static_cast<char>(code_point));
  } else if (code_point < 0x800) {
    text.append({static_cast<char>(0xC0U | (code_point >> 6)), tail(0)});
  } else if (code_point < 0x10000) {
    text.append({static_cast<char>(0xE0U | (code_point >> 12)), tail(6), tail(0)});
  } else {
    text.append({static_cast<char>(0xF0U | (code_point >> 18)), tail(12), tail(6), tail(0)});
  }
}

std::size_t count_code_points(std::string_view text) {
  std::size_t count = 0;
  for (const char byte : text) count += (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U ? 1 : 0;
  return count;
}

}  // namespace filigree::text
