#include "filigree/run/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "filigree/base/file.h"
#include "filigree/base/version.h"
#include "filigree/run/html.h"
#include "filigree/run/report_style.h"

namespace filigree::run {
namespace {

// "12", "-0.5", "1.25 GFLOP", "40 %": a number with nothing or a short unit behind it.
bool is_numeric(std::string_view cell) {
  if (cell.starts_with("\u2212")) {
    cell.remove_prefix(std::string_view("\u2212").size());
  } else if (cell.starts_with('-') || cell.starts_with('+')) {
    cell.remove_prefix(1);
  }
  return !cell.empty() && cell[0] >= '0' && cell[0] <= '9' && cell.size() <= 16;
}

// "", "-" and the like say nothing about a column.
bool is_blank(std::string_view cell) {
  return cell.empty() || cell == "-" || cell == "\u2013" || cell == "\u2014";
}

std::vector<bool> numeric_columns(std::size_t columns, const std::vector<std::vector<std::string>>& rows) {
  std::vector<bool> numeric(columns);
  for (std::size_t c = 0; c < columns; ++c) {
    bool any = false;
    bool all = true;
    for (const auto& row : rows) {
      if (c >= row.size() || is_blank(row[c])) continue;
      any = true;
      all = all && is_numeric(row[c]);
    }
    numeric[c] = any && all;
  }
  return numeric;
}

std::string table_row(const char* element, const std::vector<std::string>& cells,
                      const std::vector<bool>& numeric) {
  std::string out = "<tr>";
  for (std::size_t c = 0; c < numeric.size(); ++c) {
    out += fmt::format("<{}{}>{}</{}>", element, numeric[c] ? " class=\"number\"" : "",
                       c < cells.size() ? escape_html(cells[c]) : "", element);
  }
  return out + "</tr>\n";
}

}  // namespace

HtmlReport::HtmlReport(std::string title, std::string subtitle)
    : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

HtmlReport& HtmlReport::heading(std::string_view text) {
  body_ += fmt::format("<h2>{}</h2>\n", escape_html(text));
  return *this;
}

HtmlReport& HtmlReport::paragraph(std::string_view text) {
  body_ += fmt::format("<p>{}</p>\n", escape_html(text));
  return *this;
}

HtmlReport& HtmlReport::facts(const std::vector<std::pair<std::string, std::string>>& facts) {
  body_ += "<dl class=\"facts\">\n";
  for (const auto& [label, value] : facts) {
    body_ += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escape_html(label), escape_html(value));
  }
  body_ += "</dl>\n";
  return *this;
}

HtmlReport& HtmlReport::table(const std::vector<std::string>& header,
                              const std::vector<std::vector<std::string>>& rows) {
  std::size_t columns = header.size();
  for (const auto& row : rows) columns = std::max(columns, row.size());
  const std::vector<bool> numeric = numeric_columns(columns, rows);
  body_ += "<div class=\"wide\"><table>\n<thead>" + table_row("th", header, numeric) + "</thead>\n<tbody>\n";
  for (const auto& row : rows) body_ += table_row("td", row, numeric);
  body_ += "</tbody></table></div>\n";
  return *this;
}

HtmlReport& HtmlReport::figure(std::string_view svg, std::string_view caption) {
  body_ += fmt::format("<figure><div class=\"scroll\">{}</div>", svg);
  if (!caption.empty()) body_ += fmt::format("<figcaption>{}</figcaption>", escape_html(caption));
  body_ += "</figure>\n";
  return *this;
}

HtmlReport& HtmlReport::gallery(const std::vector<std::pair<std::string, std::string>>& svgs_and_captions) {
  body_ += "<div class=\"gallery\">\n";
  for (const auto& [svg, caption] : svgs_and_captions) {
    body_ += fmt::format("<figure>{}<figcaption>{}</figcaption></figure>\n", svg, escape_html(caption));
  }
  body_ += "</div>\n";
  return *this;
}

HtmlReport& HtmlReport::preformatted(std::string_view text) {
  body_ += fmt::format("<pre>{}</pre>\n", escape_html(text));
  return *this;
}

std::string HtmlReport::html() const {
  const std::string title = escape_html(title_);
  const std::string subtitle =
      subtitle_.empty() ? "" : fmt::format("<p class=\"subtitle\">{}</p>\n", escape_html(subtitle_));
  // Tags are closed as in XML too, so that any XML tool can read a report.
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\"/>\n<title>{}</title>\n<style>{}</style>\n"
      "</head>\n<body>\n<main>\n<header>\n<h1>{}</h1>\n{}</header>\n{}<footer>Written by Filigree "
      "{}.</footer>\n"
      "</main>\n</body>\n</html>\n",
      title, kReportStyle, title, subtitle, body_, kVersion);
}

void HtmlReport::write(const std::filesystem::path& path) const { write_file_atomically(path, html()); }

}  // namespace filigree::run
