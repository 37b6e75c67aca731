// Escaping for HTML and SVG.
#pragma once

#include <string>
#include <string_view>

namespace filigree::run {

// & < > " ' as entities; control characters other than tab and newline as U+FFFD. Fit for text and for quoted
// attributes.
std::string escape_html(std::string_view text);

}  // namespace filigree::run
