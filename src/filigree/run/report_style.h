// The style sheet of reports.
#pragma once

namespace filigree::run {

// Rules for the page and for the classes of svg_chart.cc and svg_bitmap.cc, in light and dark.
extern const char* const kReportStyle;

}  // namespace filigree::run
