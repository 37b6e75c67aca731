#include "filigree/run/report.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "filigree/base/file.h"
#include "filigree/base/test_support.h"
#include "filigree/run/html.h"
#include "filigree/run/svg_bitmap.h"
#include "filigree/run/svg_chart.h"
#include "filigree/run/test_xml.h"

namespace filigree::run {
namespace {

using test::contains;
using test::TemporaryFolder;

TEST(EscapeHtml, LeavesNoMarkup) {
  EXPECT_EQ(escape_html("<a href=\"x\" b='y'>&amp;"), "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;");
  EXPECT_EQ(escape_html("caf\xc3\xa9\n\t"), "caf\xc3\xa9\n\t");
  EXPECT_EQ(escape_html(std::string("a\0b\x1b\x7f", 5)), "a\uFFFDb\uFFFD\uFFFD");
}

HtmlReport sample() {
  HtmlReport report("<title> & more", "sub <title>");
  report.heading("<heading>").paragraph("<script>alert(1)</script>");
  report.facts({{"<label>", "<value>"}});
  report.table({"<name>", "loss", "shape", "n"},
               {{"a", "1.5", "2 x <3>", ""}, {"b", "-", "x"}, {"c", "\u22120.5 nats", "y", "4"}});
  report.figure(LineChart{"chart", "x", "y", {{"a", {{1, 1}, {2, 2}}, false}}}.svg(), "<caption>");
  const std::vector<std::int64_t> cells = {0, 3};
  report.gallery({{bitmap_svg(2, 2, cells), "<picture>"}});
  report.preformatted("[table]\nkey = \"<x>\"");
  return report;
}

TEST(HtmlReport, IsWellFormedAndEscaped) {
  const std::string html = sample().html();
  const auto elements = parse_xml(html);
  for (const XmlElement& element : elements) {
    EXPECT_NE(element.name, "script");
    EXPECT_FALSE(element.attributes.contains("src"));
    EXPECT_FALSE(element.attributes.contains("href"));
  }
  const auto count = [&](const std::string& name) {
    return std::count_if(elements.begin(), elements.end(),
                         [&](const XmlElement& e) { return e.name == name; });
  };
  EXPECT_EQ(count("h2"), 1);
  EXPECT_EQ(count("figure"), 2);
  EXPECT_EQ(count("svg"), 2);
  EXPECT_EQ(count("td"), 12);  // short rows are filled up
  EXPECT_EQ(elements[0].name, "html");
}

TEST(HtmlReport, NeedsNothingFromTheNetwork) {
  const std::string html = sample().html();
  for (const char* link : {"http:", "https:", "//", "url(", "@import"})
    EXPECT_FALSE(contains(html, link)) << link;
}

TEST(HtmlReport, NumbersAreSetToTheRight) {
  const std::string html = sample().html();
  EXPECT_TRUE(contains(
      html, "<th>&lt;name&gt;</th><th class=\"number\">loss</th><th>shape</th><th class=\"number\">n</th>"));
}

TEST(HtmlReport, IsAPureFunctionAndWrittenWhole) {
  const TemporaryFolder folder;
  sample().write(folder / "report.html");
  EXPECT_EQ(read_file(folder / "report.html"), sample().html());
}

}  // namespace
}  // namespace filigree::run
