// A report as one HTML file: text, tables and inline pictures; no script and nothing from the network.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace filigree::run {

// Builds a page from top to bottom. All texts are plain and are escaped here; only pictures are inserted as
// they are.
class HtmlReport {
 public:
  explicit HtmlReport(std::string title, std::string subtitle = {});

  HtmlReport& heading(std::string_view text);
  HtmlReport& paragraph(std::string_view text);
  // A row of figures that matter, each a label and a value: {"held-out loss", "4.91 nats"}.
  HtmlReport& facts(const std::vector<std::pair<std::string, std::string>>& facts);
  // Columns whose cells are all numbers are set to the right. Rows may be shorter than the header.
  HtmlReport& table(const std::vector<std::string>& header,
                    const std::vector<std::vector<std::string>>& rows);
  // A picture over the page's width (LineChart::svg()) with a caption.
  HtmlReport& figure(std::string_view svg, std::string_view caption);
  // Small pictures side by side (bitmap_svg()), each with its caption.
  HtmlReport& gallery(const std::vector<std::pair<std::string, std::string>>& svgs_and_captions);
  // Text kept as it is: a configuration, a log.
  HtmlReport& preformatted(std::string_view text);

  std::string html() const;
  // Atomic. Errors: those of AtomicFile.
  void write(const std::filesystem::path& path) const;

 private:
  std::string title_;
  std::string subtitle_;
  std::string body_;
};

}  // namespace filigree::run
