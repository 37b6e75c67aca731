// What BERT makes of single characters (google-research/bert, tokenization.py), by ICU's data.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace filigree::text {

// White space that separates words: tab, line feed, carriage return, and the categories Zs, Zl and Zp (the
// last two by Python's split(), which BERT calls after cleaning).
bool is_bert_whitespace(char32_t c);
// Characters that cleaning removes: NUL, U+FFFD, and the categories Cc and Cf but for tab, line feed,
// carriage return.
bool is_bert_dropped(char32_t c);
// Characters that are words of their own: all of ASCII that is neither letter nor digit, and the categories
// P*.
bool is_bert_punctuation(char32_t c);
// CJK ideographs, which are words of their own: eight blocks of Unicode (neither kana nor Hangul).
bool is_bert_cjk(char32_t c);

// BERT's BasicTokenizer step by step, on whole strings: cleaning, CJK, white space, lower case (with the
// final sigma), NFD, removal of category Mn, punctuation. Slow and plain; BasicTokenizer agrees with it and
// is fast.
std::vector<std::string> plain_bert_words(std::string_view text, bool lower_case);

}  // namespace filigree::text
